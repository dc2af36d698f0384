"""The steps of test/interop/flight-drivers.test.ts with ADBC's Flight SQL driver and pyarrow."""
import sys
from decimal import Decimal

import adbc_driver_flightsql.dbapi as flight_sql
import pyarrow.flight

endpoint = sys.argv[1]


def check(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def statements(connection):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE adbc (id bigint PRIMARY KEY, name text, price numeric(10,2), at timestamp)")
        cursor.execute("INSERT INTO adbc VALUES (1, 'öne', 1.50, '2026-01-02 03:04:05.678901'), (2, NULL, NULL, NULL)")
        check(cursor.rowcount, 2)
        cursor.execute("SELECT id, name, price FROM adbc ORDER BY id")
        check(cursor.fetchall(), [(1, "öne", Decimal("1.50")), (2, None, None)])
        cursor.execute("SELECT count(*) AS c, sum(price) AS s FROM adbc")
        table = cursor.fetch_arrow_table()
        check(table.column_names, ["c", "s"])
        check(table.to_pylist(), [{"c": 2, "s": "1.50"}])
        try:
            cursor.execute("SELECT nothing FROM adbc")
            raise AssertionError("no error")
        except flight_sql.ProgrammingError as error:
            assert 'column "nothing" does not exist' in str(error), error


def prepared(connection):
    with connection.cursor() as cursor:
        statement = cursor.adbc_statement
        statement.set_sql_query("UPDATE adbc SET price = price + 1 WHERE id = 1")
        statement.prepare()
        check(statement.execute_update(), 1)
        check(statement.execute_update(), 1)
        cursor.execute("SELECT price FROM adbc WHERE id = 1")
        check(cursor.fetchone(), (Decimal("3.50"),))


def catalogue(connection):
    info = connection.adbc_get_info()
    check(info["vendor_name"], "Millrace")
    check(sorted(connection.adbc_get_table_types()), sorted(set(connection.adbc_get_table_types())))
    objects = connection.adbc_get_objects(depth="columns", table_name_filter="adbc").read_all().to_pylist()
    [table] = [
        table
        for catalog in objects
        for schema in catalog["catalog_db_schemas"]
        for table in schema["db_schema_tables"]
    ]
    check([column["column_name"] for column in table["table_columns"]], ["id", "name", "price", "at"])
    check(connection.adbc_get_table_schema("adbc").names, ["id", "name", "price", "at"])


def plain_flight():
    """pyarrow.flight with a login, as notebooks do it."""
    client = pyarrow.flight.FlightClient(f"grpc://{endpoint}")
    token = client.authenticate_basic_token("anyone", "anything")
    options = pyarrow.flight.FlightCallOptions(headers=[token])
    check(list(client.list_flights(options=options)), [])
    actions = {action.type for action in client.list_actions(options)}
    assert "CreatePreparedStatement" in actions, actions


connection = flight_sql.connect(
    f"grpc://{endpoint}", db_kwargs={"username": "anyone", "password": "anything"}, autocommit=True
)
with connection:
    statements(connection)
    prepared(connection)
    catalogue(connection)
plain_flight()
print("done")
