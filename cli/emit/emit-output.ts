/** Where an emission goes, as the command line says it. */
import { createHash } from 'node:crypto'
import { basename, dirname, resolve } from 'node:path'
import type { Config } from '../../core/config/parse-config.ts'
import { CommandError, EmitRefusedError } from '../../core/errors.ts'
import type { EmitFormat } from '../../pipelines/adapters/emit/formats.ts'
import type { EmitRequest } from '../../pipelines/runtime/emit/progress.ts'
import { emissionPattern } from '../../schemas/avro/history.ts'

/** Of a topic that is made, where no cluster says how many: as many as a cluster has by itself. */
export const defaultHistoryPartitions = 12
/** How long a topic keeps records that is made where no cluster says so. */
export const defaultHistoryRetentionMs = 7 * 86_400_000
/** Names that topics of live hits have by themselves; emissions into these are refused wherever they are run. */
export const liveTopicName = 'hits'

export type EmitOutput =
  | {
      readonly kind: 'file'
      readonly folder: string
      readonly path: string
      readonly format: EmitFormat
      readonly output: string
      readonly emission: string
    }
  | {
      readonly kind: 'topic'
      readonly topic: string
      readonly brokers: readonly string[]
      readonly partitions: number
      readonly replication: number
      readonly retentionMs: number
      readonly output: string
      readonly emission: string
    }

export interface OutputOptions {
  readonly to: string
  readonly name?: string
  readonly brokers?: string
}

/** @throws CommandError; EmitRefusedError for a topic of live hits */
export function parseOutput({ to, name, brokers }: OutputOptions, request: EmitRequest, config: Config): EmitOutput {
  if (to.startsWith('kafka:')) return topicOutput({ to, name, brokers }, request, config)
  const format = to.endsWith('.ndjson') ? 'ndjson' : to.endsWith('.avro') ? 'avro' : undefined
  if (format === undefined) throw new CommandError('--to must be a file ending in .ndjson or .avro, or kafka:<topic>')
  if (name !== undefined) throw new CommandError('--name is of emissions into a topic; a file is known by its own name')
  const whole = resolve(to)
  const path = basename(whole)
  return { kind: 'file', folder: dirname(whole), path, format, output: path, emission: `file-${shortHash(whole)}` }
}

function topicOutput(
  { to, name, brokers: given }: { to: string; name: string | undefined; brokers: string | undefined },
  request: EmitRequest,
  config: Config,
): EmitOutput {
  const topic = to.slice('kafka:'.length)
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic) || /^\.{1,2}$/.test(topic)) {
    throw new CommandError('the name of a topic has letters, digits, . _ and -, at most 249')
  }
  const kafka = config.mode === 'cluster' ? config.kafka : undefined
  if (topic === (kafka?.topic ?? liveTopicName)) {
    throw new EmitRefusedError(to, 'it is the topic of live hits, where history would be counted again; name another')
  }
  const brokers = given?.split(',').map((each) => each.trim()) ?? kafka?.brokers
  if (brokers === undefined) throw new CommandError('name the brokers of Kafka by --brokers host:port,…')
  if (name !== undefined && !emissionPattern.test(name)) {
    throw new CommandError('--name must be letters a to z, digits and -, at most 63, and not begin with -')
  }
  const emission = name ?? shortHash(JSON.stringify([to, request.snapshot, request.from, request.to, request.merchant]))
  return {
    ...{ kind: 'topic', topic, brokers, output: to, emission },
    partitions: kafka?.partitions ?? defaultHistoryPartitions,
    replication: kafka?.replication ?? 1,
    retentionMs: kafka?.retentionMs ?? defaultHistoryRetentionMs,
  }
}

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)
