"""Every parser of foreign bytes, by name; a test proves that none is missing where that can be proved."""

from collections.abc import Mapping

from tests.fuzz import answers, archives, documents, host, manager, network
from tests.fuzz.parser import Parser

TABLE: Mapping[str, Parser] = {
    one.name: one
    for one in (
        *documents.PARSERS,
        *archives.PARSERS,
        *network.PARSERS,
        *answers.PARSERS,
        *host.PARSERS,
        *manager.PARSERS,
    )
}
