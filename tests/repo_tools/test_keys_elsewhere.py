"""Keys that never leave where they are: PKCS#11 tokens and key services."""

from collections.abc import Iterator

import boto3
import pytest

from tests.support import localstack, softhsm
from tests.support.workspace import Workspace


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[softhsm.Token]:
    """A PKCS#11 token; the library keeps the first one that it is shown, so there is one for all tests."""
    made = softhsm.token(tmp_path_factory.mktemp("softhsm"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environ.items():
            patch.setenv(name, value)
        yield made


@pytest.fixture(scope="session")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A client of a key service that speaks the protocol of AWS KMS."""
    with (
        localstack.running(tmp_path_factory.mktemp("localstack")) as environ,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environ.items():
            patch.setenv(name, value)
        yield boto3.client("kms")


@pytest.mark.parametrize(("number", "curve", "scheme"), [(2, "prime256v1", "256"), (3, "secp384r1", "384")])
def test_a_key_on_a_token_signs_and_publishes(token, tmp_path, number, curve, scheme):
    """The token signs waves, channel and brake, and clients accept it."""
    work = Workspace(tmp_path)
    work.secrets = {"TIDEGATE_PIN": softhsm.PIN}
    made = work.do("key", "new", "token", "--uri", token.make(number, curve), "--owner", "alice@example.com")
    assert made["scheme"] == f"ecdsa-sha2-nistp{scheme}"
    work.found("--key", "rollouts=token").publish_release("1.4.2")
    assert list(work.keys.glob("token.*")) == [work.keys / "token.json"]
    assert softhsm.PIN not in (work.keys / "token.json").read_text()


def test_a_wrong_pin_is_told_as_such(token, tmp_path):
    """A key that cannot sign is not taken over."""
    work = Workspace(tmp_path)
    uri = token.make(9, "prime256v1")
    for secrets, code in (({"TIDEGATE_PIN": "654321"}, 13), ({}, 2)):
        work.secrets = secrets
        result = work.run("key", "new", "token", "--uri", uri)
        assert result.exit_code == code
        assert "PIN" in result.stderr
    assert not work.keys.exists()


def test_a_wrong_pin_of_the_online_key_is_told_as_such(token, tmp_path):
    """Whoever publishes is told which key does not sign, and nothing goes out."""
    work = Workspace(tmp_path)
    work.secrets = {"TIDEGATE_PIN": softhsm.PIN}
    work.do("key", "new", "token", "--uri", token.make(11, "prime256v1"))
    work.found("--key", "online=token")
    work.do("policy", "stable", "--poll", "10m")
    work.do("sign", "--yes")
    work.secrets = {"TIDEGATE_PIN": "654321"}
    refused = work.run("publish")
    assert (refused.exit_code, "key token does not sign snapshot" in refused.stderr) == (13, True)
    work.secrets = {"TIDEGATE_PIN": softhsm.PIN}
    work.do("publish")


def test_a_token_that_is_not_there(token, tmp_path):
    """Neither a missing token nor a missing key is taken for anything else."""
    work = Workspace(tmp_path)
    work.secrets = {"TIDEGATE_PIN": softhsm.PIN}
    for uri in ("hsm:2?label=nobody", f"hsm:77?label={softhsm.LABEL}"):
        result = work.run("key", "new", "token", "--uri", uri)
        assert result.exit_code == 13
        assert "hint: " in result.stderr


SPECS = {
    "ECC_NIST_P256": "ecdsa-sha2-nistp256",
    "ECC_NIST_P384": "ecdsa-sha2-nistp384",
    "RSA_3072": "rsassa-pss-sha256",
}


@pytest.mark.parametrize("spec", SPECS)
def test_a_key_in_a_key_service_signs_and_publishes(kms, tmp_path, spec):
    """The service signs timestamp and snapshot, and clients accept it."""
    made = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    work = Workspace(tmp_path)
    assert work.do("key", "new", "service", "--uri", f"awskms:{made}")["scheme"] == SPECS[spec]
    work.found("--key", "online=service")
    work.do("refresh")


def test_a_key_whose_signatures_nobody_can_verify_is_refused(kms, tmp_path):
    """The test signature finds it: this curve is imported under another one's name."""
    made = kms.create_key(KeySpec="ECC_SECG_P256K1", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    work = Workspace(tmp_path)
    refused = work.run("key", "new", "service", "--uri", f"awskms:{made}")
    assert refused.exit_code in {12, 13}
    assert not work.keys.exists()


def test_a_key_that_the_service_does_not_have(kms, tmp_path):
    """What the service answers is said, with what to look at."""
    assert kms.list_keys()
    refused = Workspace(tmp_path).run("key", "new", "service", "--uri", "awskms:alias/nobody")
    assert refused.exit_code == 13
    assert "kms:Sign" in refused.stderr


@pytest.mark.parametrize(
    ("uri", "code", "said"),
    [
        ("gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1", 13, "google-cloud-kms"),
        ("azurekms://vault.vault.azure.net/keys/k", 13, "azure-identity"),
        ("azurekms://vault.vault.azure.net/k", 2, "azurekms://VAULT"),
        ("hv:tidegate", 13, "hvac"),
        ("vault:tidegate", 2, "it begins with one of"),
        ("file:/etc/passwd", 2, "it begins with one of"),
    ],
)
def test_other_services_are_named_with_what_they_need(tmp_path, uri, code, said):
    """Without its library, a service's key is refused with the name of what to install."""
    refused = Workspace(tmp_path).run("key", "new", "service", "--uri", uri)
    assert refused.exit_code == code
    assert said in refused.stderr
