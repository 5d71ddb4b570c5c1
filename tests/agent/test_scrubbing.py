"""Secrets in what a host says: whatever surrounds them, they do not leave the host."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reports.scrub import HIDDEN, scrub
from agent.reports.sending import bounded
from metadata.report import MAX_DETAIL

WORDS = string.ascii_letters + string.digits
SHAPES = (
    "password={}",
    "PGPASSWORD='{}'",
    '"api_key": "{}"',
    "--token {}",
    "--secret={}",
    "my.client-secret: {}",
    "Authorization: Bearer {}",
    "authorization={}",
    "Bearer {}",
    "https://user:{}@example.com/x",
    "postgres://{}@db/x",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n{}",
    "{}\n-----END PRIVATE KEY-----",
    "AKIA{}",
    "ghp_{}",
    "glpat-{}",
    "xoxb-{}",
    "eyJ{}.{}.{}",
)
secrets = st.text(alphabet=string.ascii_uppercase + string.digits, min_size=16, max_size=16)
noise = st.text(alphabet=st.characters(codec="utf-8"), max_size=200)


@pytest.mark.parametrize("shape", SHAPES)
@given(secret=secrets, before=noise, after=noise)
def test_a_secret_does_not_leave_the_host(shape, secret, before, after):
    """Nothing before it or after it on other lines, and no text around them, keeps it in."""
    said = scrub(f"{before}\n{shape.replace('{}', secret)}\n{after}")
    assert secret not in said.replace(before, "").replace(after, "")
    assert HIDDEN in said


@given(text=st.text(max_size=3 * MAX_DETAIL))
def test_what_is_said_is_bounded(text):
    """Whatever a probe printed, a report stays small."""
    assert len(bounded(text)) <= MAX_DETAIL


@given(words=st.lists(st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=12), max_size=20))
def test_plain_words_stay(words):
    """What helps to find the fault stays readable, and what was taken out once stays as it is."""
    text = " ".join(words)
    assert scrub(text) == text
    assert scrub(scrub(f"{text} password=x")) == scrub(f"{text} password=x")
