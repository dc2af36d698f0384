/** The SDK: `import { Producer, PushConsumer, SimpleConsumer, StreamReader } from 'millrace'`. */
export { type ErrorCode, MillraceError } from '../../platform/errors.ts';
export type { Credentials } from '../auth/signature.ts';
export type { BatchOptions } from './batcher.ts';
export type { ConnectionOptions } from './connection.ts';
export { LiteConsumer, type LiteConsumerOptions, type LiteStart } from './lite-consumer.ts';
export type { Message, ReceivedMessage, SendReceipt } from './message.ts';
export { Producer, type ProducerOptions } from './producer.ts';
export { PushConsumer, type PushConsumerOptions } from './push-consumer.ts';
export {
  type ReceiveOptions,
  SimpleConsumer,
  type SimpleConsumerOptions,
} from './simple-consumer.ts';
export { type StreamPosition, StreamReader, type StreamReaderOptions } from './stream-reader.ts';
export { StreamWriter, type StreamWriterOptions } from './stream-writer.ts';
export {
  type Resolution,
  type Transaction,
  TransactionalProducer,
  type TransactionalProducerOptions,
} from './transactional-producer.ts';
