/**
 * Arrow Flight's service and messages (format/Flight.proto of Apache Arrow). `expiration_time` of
 * FlightEndpoint (3) and PollInfo (4) is left out: our tickets do not expire.
 */
export const flightProto = `syntax = "proto3";
package arrow.flight.protocol;

service FlightService {
  rpc Handshake(stream HandshakeRequest) returns (stream HandshakeResponse);
  rpc ListFlights(Criteria) returns (stream FlightInfo);
  rpc GetFlightInfo(FlightDescriptor) returns (FlightInfo);
  rpc PollFlightInfo(FlightDescriptor) returns (PollInfo);
  rpc GetSchema(FlightDescriptor) returns (SchemaResult);
  rpc DoGet(Ticket) returns (stream FlightData);
  rpc DoPut(stream FlightData) returns (stream PutResult);
  rpc DoExchange(stream FlightData) returns (stream FlightData);
  rpc DoAction(Action) returns (stream Result);
  rpc ListActions(Empty) returns (stream ActionType);
}

message HandshakeRequest { uint64 protocol_version = 1; bytes payload = 2; }
message HandshakeResponse { uint64 protocol_version = 1; bytes payload = 2; }
message Empty {}
message ActionType { string type = 1; string description = 2; }
message Criteria { bytes expression = 1; }
message Action { string type = 1; bytes body = 2; }
message Result { bytes body = 1; }
message SchemaResult { bytes schema = 1; }
message FlightDescriptor {
  enum DescriptorType { UNKNOWN = 0; PATH = 1; CMD = 2; }
  DescriptorType type = 1;
  bytes cmd = 2;
  repeated string path = 3;
}
message FlightInfo {
  bytes schema = 1;
  FlightDescriptor flight_descriptor = 2;
  repeated FlightEndpoint endpoint = 3;
  int64 total_records = 4;
  int64 total_bytes = 5;
  bool ordered = 6;
  bytes app_metadata = 7;
}
message PollInfo {
  FlightInfo info = 1;
  FlightDescriptor flight_descriptor = 2;
  optional double progress = 3;
}
message FlightEndpoint {
  Ticket ticket = 1;
  repeated Location location = 2;
  bytes app_metadata = 4;
}
message Location { string uri = 1; }
message Ticket { bytes ticket = 1; }
message FlightData {
  FlightDescriptor flight_descriptor = 1;
  bytes data_header = 2;
  bytes app_metadata = 3;
  bytes data_body = 1000;
}
message PutResult { bytes app_metadata = 1; }
enum CancelStatus {
  CANCEL_STATUS_UNSPECIFIED = 0;
  CANCEL_STATUS_CANCELLED = 1;
  CANCEL_STATUS_CANCELLING = 2;
  CANCEL_STATUS_NOT_CANCELLABLE = 3;
}
message CancelFlightInfoRequest { FlightInfo info = 1; }
message CancelFlightInfoResult { CancelStatus status = 1; }
message SessionOptionValue {
  message StringListValue { repeated string values = 1; }
  oneof option_value {
    string string_value = 1;
    bool bool_value = 2;
    sfixed64 int64_value = 3;
    double double_value = 4;
    StringListValue string_list_value = 5;
  }
}
message SetSessionOptionsRequest { map<string, SessionOptionValue> session_options = 1; }
message SetSessionOptionsResult {
  enum ErrorValue { UNSPECIFIED = 0; INVALID_NAME = 1; INVALID_VALUE = 2; ERROR = 3; }
  message Error { ErrorValue value = 1; }
  map<string, Error> errors = 1;
}
message GetSessionOptionsResult { map<string, SessionOptionValue> session_options = 1; }
message CloseSessionResult {
  enum Status { UNSPECIFIED = 0; CLOSED = 1; CLOSING = 2; NOT_CLOSEABLE = 3; }
  Status status = 1;
}
`;

/** Commands and actions of Flight SQL (format/FlightSql.proto); they travel inside an Any. */
export const flightSqlProto = `syntax = "proto3";
package arrow.flight.protocol.sql;

message CommandStatementQuery { string query = 1; optional bytes transaction_id = 2; }
message CommandStatementUpdate { string query = 1; optional bytes transaction_id = 2; }
message TicketStatementQuery { bytes statement_handle = 1; }
message CommandPreparedStatementQuery { bytes prepared_statement_handle = 1; }
message CommandPreparedStatementUpdate { bytes prepared_statement_handle = 1; }
message CommandGetSqlInfo { repeated uint32 info = 1; }
message CommandGetCatalogs {}
message CommandGetDbSchemas {
  optional string catalog = 1;
  optional string db_schema_filter_pattern = 2;
}
message CommandGetTables {
  optional string catalog = 1;
  optional string db_schema_filter_pattern = 2;
  optional string table_name_filter_pattern = 3;
  repeated string table_types = 4;
  bool include_schema = 5;
}
message CommandGetTableTypes {}
message CommandGetPrimaryKeys {
  optional string catalog = 1;
  optional string db_schema = 2;
  string table = 3;
}
message DoPutUpdateResult { int64 record_count = 1; }
message DoPutPreparedStatementResult { optional bytes prepared_statement_handle = 1; }
message ActionCreatePreparedStatementRequest { string query = 1; optional bytes transaction_id = 2; }
message ActionCreatePreparedStatementResult {
  bytes prepared_statement_handle = 1;
  bytes dataset_schema = 2;
  bytes parameter_schema = 3;
  optional bool is_update = 4;
}
message ActionClosePreparedStatementRequest { bytes prepared_statement_handle = 1; }
`;

/**
 * Ours. A StatementHandle is what tickets and prepared statements hold: the statement itself, so
 * the server keeps nothing between calls. StatementMetadata rides in FlightData.app_metadata: with
 * the schema for a statement that returns no rows, before it for progress that was asked for.
 */
export const handleProto = `syntax = "proto3";
package millrace.flight;

message StatementHandle {
  string query = 1;
  uint32 execution = 2; // tells two runs of one text apart, for CancelFlightInfo
  bool progress = 3; // the client understands StatementMetadata ahead of the schema
  Command done = 4; // the statement has run and returned no rows: reading the ticket only says so
  repeated ParameterSet parameters = 5; // bound values of $1, $2 ...; one set per row that was bound
}
message ParameterSet { repeated ParameterValue values = 1; }
message ParameterValue { optional string text = 1; } // absent: NULL
message StatementMetadata {
  Progress progress = 1;
  Command command = 2;
}
message Progress { double done = 1; double total = 2; }
message Command { string tag = 1; optional double rows_affected = 2; }
`;
