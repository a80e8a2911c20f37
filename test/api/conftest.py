import pytest

import support


@pytest.fixture(scope="module")
def database():
    with support.database() as made:
        yield made


@pytest.fixture(scope="module")
def server(database):
    with support.served(database.dsn) as running:
        yield running
