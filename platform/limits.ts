/** Every maximum of the system, with its unit and its reason. */
export const limits = {
  /** RocketMQ 5's limit for one message body (reference rocketmq-v2, 1.11). */
  messageBodyBytesMax: 4 * 1024 * 1024,
  /** Keys, tag and user properties of one message together (reference rocketmq-v2, 1.11). */
  messagePropertiesBytesMax: 16 * 1024,
  messagePropertiesCountMax: 128,
  messageGroupBytesMax: 64,
  /** One entry of the commit log, a whole batch; bounds the buffers of every reader. */
  entryBytesMax: 32 * 1024 * 1024,
  entryMessagesMax: 65_536,
  /** What the compressed bodies of one entry may become: each holds all of it in memory. */
  entryInflatedBytesMax: 128 * 1024 * 1024,
  /** Of packed messages: the fields of their envelope, which each of them gets when unpacked. */
  packedSharedBytesMax: 4096,
  /** A gRPC request: the largest entry and some framing. */
  grpcMessageBytesMax: 33 * 1024 * 1024,
  /** Default size of one segment file of the commit log. */
  segmentBytes: 1024 * 1024 * 1024,
  /** Zero-written ahead of the tail, so that fdatasync need not commit a new file size. */
  preallocateStrideBytes: 16 * 1024 * 1024,
  /** With flush=interval: how long a message that was acknowledged may stay out of the disk. */
  flushIntervalMs: 100,
  /** Bodies of appends that wait while their queue is looked up, or moves. */
  heldAppendBytesMax: 64 * 1024 * 1024,
  /** Index rows that wait in memory for the index database, 32 bytes each and their queue's state. */
  waitingIndexRowsMax: 1_000_000,
  /** Entries in one value of the consume-queue index. */
  consumeQueueBlockEntries: 512,
  /** Messages in one ReceiveMessage answer (reference rocketmq-v2, 1.13). */
  receiveBatchMax: 32,
  /** A broker answer stops growing here; client caches hold 64 MiB. */
  receiveBytesMax: 8 * 1024 * 1024,
  /** Batches kept in memory between the receives that take them message by message. */
  batchCacheBytes: 64 * 1024 * 1024,
  /** Of one client: receives and pulls under way, and bytes of answers that it has not read. */
  clientPollsMax: 1024,
  clientUnreadBytesMax: 64 * 1024 * 1024,
  /** Of a Telemetry stream: one settings message, and what the client has not read. */
  settingsBytesMax: 1024 * 1024,
  telemetryUnreadBytesMax: 16 * 1024 * 1024,
  /** How long a message may stay invisible (reference rocketmq-v2, 1.11). */
  invisibleMsMax: 12 * 3_600_000,
  /** Invisibility of a push consumer's message, renewed while the consumer lives (1.13). */
  renewMs: 60_000,
  renewTotalMs: 3 * 3_600_000,
  /** A client without an open stream is lost after this time; they reopen it after a second. */
  clientReturnMs: 10_000,
  /** A client that does not beat is lost: three times the slowest client's interval. */
  clientSilenceMs: 90_000,
  /** Messages of a lost client become visible after this time (1.8). */
  lostVisibleMs: 1000,
  /** Time in which changes of cursors are gathered: what a crash makes again. */
  cursorFlushMs: 20,
  /** Messages of one queue that may wait behind their message group. */
  fifoWaitingMax: 65_536,
  /** Characters of a filter expression. */
  filterLengthMax: 16_384,
  /** Pops whose attempt id is remembered. */
  attemptIdsMax: 1024,
  /** Deliveries of a message before it is dead, unless its group says otherwise (1.8). */
  deliveryAttemptsMax: 17,
  /** Dead letters of one batch that are written side by side. */
  buriedTogetherMax: 256,
  /** Requests that come again are found within this time, and among this many entries. */
  duplicateWindowMs: 10 * 60_000,
  duplicateEntriesMax: 4 * 1024 * 1024,
  /** Entries of one hash that a request is compared with, and of one bucket that are looked at. */
  duplicateCandidatesMax: 16,
  duplicateBucketMax: 256,
  /** The end of the log is read at a start to know them: at most this product of bytes. */
  logMarkBytes: 8 * 1024 * 1024,
  logMarksMax: 8,
  /** Timers due within this time are in memory, the others in the index database. */
  timerWindowMs: 60_000,
  /** The wall clock is looked at this often while a timer waits: it may jump. */
  timerTickMs: 1000,
  /** Timers handled together, and about the bytes of their messages. */
  timersFiredMax: 1000,
  timersFiredBytesMax: 8 * 1024 * 1024,
  /** A message that could not be delivered in its time is tried again after this. */
  timerRetryMs: 5000,
  /** From a half message to the first question to its producers, and between questions (1.15). */
  transactionCheckMs: 30_000,
  transactionChecksMax: 15,
  /** Half messages read at the same time to ask for them. */
  transactionsCheckedMax: 16,
  transactionRecoveryMsMax: 3_600_000,
  /** Ended transactions whose producer may ask again. */
  transactionsEndedMax: 10_000,
  /** Properties of a client: how many, characters of a name and a value, bytes of all (1.3). */
  clientPropertiesMax: 32,
  clientPropertyNameMax: 64,
  clientPropertyValueMax: 256,
  clientPropertiesBytesMax: 4096,
  topicQueuesMax: 1024,
  /** Queues of a topic that was made by its first use. */
  autoTopicQueues: 4,
  topicNameMax: 127,
  namespaceMax: 60,
  /** Lite topics in all, and of one topic: RocketMQ's brokers have so many in all (1.20). */
  liteTopicsMax: 100_000,
  liteTopicsOfTopicMax: 20_000,
  /** An empty lite topic that nobody uses goes after this time; they are looked at so often. */
  liteIdleMs: 3_600_000,
  liteExpiryPassMs: 10 * 60_000,
  /** Of RocketMQ's brokers: lite topics of one client, bytes of a name (1.20). */
  liteSubscriptionsMax: 2000,
  liteTopicBytesMax: 64,
  groupNameMax: 120,
  /** Rows of one arrangement chunk, the unit that a snapshot pins (DESIGN section 7). */
  chunkRows: 4096,
  /** Rows that one step takes in at most; bounds a step's time and memory. */
  stepRowsMax: 65_536,
  stepBytesMax: 16 * 1024 * 1024,
  /** Slice of replay or of an ad-hoc query between two steps. */
  sliceMs: 5,
  /** From a change of state to the checkpoint that has it: what a restart replays. */
  checkpointMs: 1000,
  /** Rows that an ad-hoc query's result may have: they are held until they are sent. */
  queryRowsMax: 10_000_000,
  /** Iterations of WITH RECURSIVE: one that goes on for ever ends here, with an error. */
  recursionLevelsMax: 10_000,
  /** Rows of one WITH RECURSIVE, of all its iterations. */
  recursionRowsMax: 10_000_000,
  /** Rows that one call of a table function may give: a step holds them all. */
  callRowsMax: 10_000_000,
  /** Rows that a view's or sink's errors keep; more are counted and not kept. */
  errorRowsMax: 10_000,
  /** Pairs that one step of a join may look at, and keep: it cannot pause. */
  stepPairsMax: 2 ** 30,
  stepPairsKeptMax: 2 ** 26,
  /** Failed rows that an ad-hoc query holds, in case what comes takes them back. */
  openErrorsMax: 10_000,
  /** State that one ad-hoc query may build. */
  queryStateBytesMax: 1024 * 1024 * 1024,
  /** Time of an ad-hoc query, when its session does not say otherwise (statement_timeout). */
  queryTimeMs: 10 * 60 * 1000,
  /** State of one materialized view, when it does not say otherwise (WITH (state_budget = ...)). */
  viewStateBytesMax: 4 * 1024 * 1024 * 1024,
  sqlTextBytesMax: 1024 * 1024,
  /** Nesting of expressions and subqueries; keeps recursion off the end of the stack. */
  sqlDepthMax: 200,
  /** Nesting of a JSON value; keeps recursion off the end of the stack. */
  jsonDepthMax: 1000,
  /** Items of one array value: PostgreSQL's MaxArraySize is larger, our cells are not. */
  arrayItemsMax: 16_777_216,
  /** Client sessions that are remembered; the one not used for longest is forgotten first. */
  sessionsMax: 1000,
  /** Declared precision of a NUMERIC, as in PostgreSQL. */
  numericPrecisionMax: 1000,
  /** Between two passes of retention; the shortest retention of a topic decides in between. */
  retentionMsMin: 1000,
  retentionMsMax: 30_000,
  /** Between two passes while some topic is compacted. */
  compactionPassMs: 5000,
  /** The index is durable at the latest so long after it was written: what a power loss costs. */
  indexFlushMs: 60_000,
  /** So long a message may wait for the topic to be compacted (storage/compaction). */
  compactionLagMs: 10 * 60_000,
  /**
   * A message stays so long in any case: its producer may not have had the answer, and sends it
   * again. Clients try three times, for three seconds each (reference rocketmq-v2, 1.12).
   */
  compactionAgeMs: 20_000,
  /** Records of the catalogue that say nothing any more, before a start passes over them. */
  catalogueTrimMin: 1000,
  /** A message that deletes its key stays so long for slow readers, as in Kafka. */
  tombstoneMs: 24 * 3_600_000,
  /** Memory for the keys of one pass: 1.5 million of them; the keys of an entry must fit. */
  compactionKeyBytes: 96 * 1024 * 1024,
  /** Free space below which publishing is refused. */
  diskReserveBytes: 256 * 1024 * 1024,
} as const;
