// The bus
export { KafkaBus } from './kafka-bus.js';
// Its settings
export type { HybridTime, KafkaLogLevel, KafkaSasl, KafkaSettings, KafkaTls } from './settings.js';
// Records, for whoever writes or reads them without the bus
export { decodeRecord, encodeRecord, type EncodedRecord, type ReceivedRecord } from './record.js';
