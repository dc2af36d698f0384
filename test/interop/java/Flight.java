import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** The steps of test/interop/flight-drivers.test.ts with the Arrow Flight SQL JDBC driver. */
public class Flight {
  public static void main(String[] args) throws Exception {
    String url = "jdbc:arrow-flight-sql://" + args[0] + "?useEncryption=false&user=anyone&password=anything";
    try (Connection connection = DriverManager.getConnection(url)) {
      statements(connection);
      prepared(connection);
      catalogue(connection);
    }
    System.out.println("done");
  }

  static void statements(Connection connection) throws Exception {
    try (var statement = connection.createStatement()) {
      statement.execute(
          "CREATE TABLE jdbc (id bigint PRIMARY KEY, name text, price numeric(10,2), at timestamp)");
      check(
          statement.executeUpdate(
              "INSERT INTO jdbc VALUES (1, 'öne', 1.50, '2026-01-02 03:04:05.678'), (2, NULL, NULL, NULL)"),
          2);
      try (ResultSet rows = statement.executeQuery("SELECT id, name, price, at FROM jdbc ORDER BY id")) {
        check(rows.next(), true);
        check(rows.getLong(1), 1L);
        check(rows.getString("name"), "öne");
        check(rows.getBigDecimal(3), new BigDecimal("1.50"));
        check(rows.getObject(4) != null, true);
        check(rows.next(), true);
        check(rows.getString(2), null);
        check(rows.getBigDecimal(3), null);
        check(rows.wasNull(), true);
        check(rows.next(), false);
      }
      try {
        statement.executeQuery("SELECT nothing FROM jdbc");
        throw new AssertionError("no error");
      } catch (SQLException error) {
        check(error.getMessage().contains("column \"nothing\" does not exist"), true);
      }
    }
  }

  static void prepared(Connection connection) throws Exception {
    try (var update = connection.prepareStatement("UPDATE jdbc SET price = price + 1 WHERE id = 1")) {
      check(update.executeUpdate(), 1);
      check(update.executeUpdate(), 1);
    }
    try (var query = connection.prepareStatement("SELECT price FROM jdbc WHERE id = 1")) {
      check(query.getMetaData().getColumnName(1), "price");
      for (int run = 0; run < 2; run++) {
        try (ResultSet rows = query.executeQuery()) {
          check(rows.next(), true);
          check(rows.getBigDecimal(1), new BigDecimal("3.50"));
        }
      }
    }
  }

  static void catalogue(Connection connection) throws Exception {
    var metadata = connection.getMetaData();
    check(metadata.getDatabaseProductName(), "Millrace");
    try (ResultSet tables = metadata.getTables(null, null, "jdbc", null)) {
      check(texts(tables, "TABLE_NAME"), List.of("jdbc"));
    }
    try (ResultSet columns = metadata.getColumns(null, null, "jdbc", null)) {
      check(texts(columns, "COLUMN_NAME"), List.of("id", "name", "price", "at"));
    }
    try (ResultSet schemas = metadata.getSchemas()) {
      check(texts(schemas, "TABLE_SCHEM"), List.of("public"));
    }
    try (ResultSet types = metadata.getTableTypes()) {
      check(texts(types, "TABLE_TYPE").contains("MATERIALIZED VIEW"), true);
    }
    try (ResultSet keys = metadata.getPrimaryKeys(null, null, "jdbc")) {
      check(texts(keys, "COLUMN_NAME"), List.of("id"));
    }
    try (ResultSet catalogs = metadata.getCatalogs()) {
      check(texts(catalogs, "TABLE_CAT"), List.of("millrace"));
    }
  }

  static List<String> texts(ResultSet rows, String column) throws SQLException {
    List<String> texts = new ArrayList<>();
    while (rows.next()) texts.add(rows.getString(column));
    return texts;
  }

  static void check(Object actual, Object expected) {
    if (!Objects.equals(actual, expected)) throw new AssertionError(actual + " is not " + expected);
  }
}
