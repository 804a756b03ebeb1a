/**
 * The one way to Kafka: a kafkajs client with bounded waits and retries, whose lines go to our log, and which packs with
 * gzip level 1 (a third of the time of the default level for a tenth more bytes). Whoever uses it repeats what failed.
 */
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import kafkajs, { type Kafka, type LogEntry } from 'kafkajs'
import { restWhereNothingWaits } from './request-queue.ts'
import { wholeResponsesSocket } from './whole-responses.ts'

export const kafkaConnectMaxMs = 3_000
/** Of one request; a call takes at most (`kafkaRetries` + 1) times as long, and the pauses between. */
export const kafkaRequestMaxMs = 10_000
export const kafkaRetries = 2
/** Before the first repetition; doubled for each, up to the second number. */
const retryPausesMs = [100, 1_000] as const
/** What a batch of records may be unpacked: far above what a broker takes packed from anybody but an attacker. */
export const unpackedMaxBytes = 256 * 1024 * 1024

export interface KafkaClientOptions {
  readonly brokers: readonly string[]
  readonly clientId: string
  /** Is told what the client has to say: all of it is tried again, here or by the caller, so nothing is an error yet. */
  readonly say: (message: string, facts: Readonly<Record<string, unknown>>) => void
}

// A CommonJS module of which Node sees only some names.
const { CompressionCodecs, CompressionTypes, logLevel } = kafkajs

/** A client; it connects when a producer, consumer or admin of it does. */
export function createKafka({ brokers, clientId, say }: KafkaClientOptions): Kafka {
  useFastGzip()
  restWhereNothingWaits()
  const [initialRetryTime, maxRetryTime] = retryPausesMs
  return new kafkajs.Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: kafkaConnectMaxMs,
    requestTimeout: kafkaRequestMaxMs,
    socketFactory: wholeResponsesSocket,
    retry: { initialRetryTime, maxRetryTime, retries: kafkaRetries },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      if (!isIdle(entry)) say(entry.log.message, factsOf(entry))
    },
  })
}

/** A warning about our own choice: whoever sends repeats what failed, and readers drop what came twice. */
function isIdle({ log }: LogEntry): boolean {
  return log.message.startsWith('Limiting retries for the idempotent producer')
}

function factsOf({ namespace, log }: LogEntry): Record<string, unknown> {
  const { message: _message, timestamp: _timestamp, logger: _logger, stack: _stack, ...facts } = log
  return { part: namespace, ...facts }
}

const pack = promisify(gzip) as (data: Buffer, options: { level: number }) => Promise<Buffer>
const unpack = promisify(gunzip) as (data: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>
const fastGzip = {
  compress: (encoder: { readonly buffer: Buffer }) => pack(encoder.buffer, { level: 1 }),
  decompress: (data: Buffer) => unpack(data, { maxOutputLength: unpackedMaxBytes }),
}

/** kafkajs keeps its codecs in one table for the whole process. */
function useFastGzip(): void {
  CompressionCodecs[CompressionTypes.GZIP] = () => fastGzip
}
