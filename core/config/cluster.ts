/**
 * The configuration of a process of a cluster: which roles it plays and where the servers are. One schema for all roles,
 * so that one environment serves them all. docs/reference/config.md is made from it.
 */
import { z } from 'zod'
import { sharedConfig, sharedVariables } from './shared.ts'
import { byteSize, duration, required, variable, whole, word } from './variables.ts'

export const roles = ['collector', 'worker', 'gateway', 'maintenance'] as const
export type Role = (typeof roles)[number]

const httpAddress = (text: string) =>
  /^https?:\/\/[^\s/]+\/?$/.test(text)
    ? { value: text.replace(/\/$/, '') }
    : { wrong: `must be http://host:port or https://host:port, not "${text}"` }

const name = (byDefault: string, what: string) =>
  variable({ byDefault, form: what }, (text) =>
    /^[A-Za-z0-9._-]{1,100}$/.test(text)
      ? { value: text }
      : { wrong: `must have 1 to 100 letters, digits, dots, dashes or underscores, not "${text}"` },
  )

const text = (form: string) => variable({ byDefault: '', form }, (value) => ({ value }))

/** The variables by their names in the environment. */
export const clusterVariables = z.strictObject({
  ...sharedVariables,
  HITLAKE_MODE: word('cluster', ['cluster']).describe(
    'How the parts run: `embedded` is all of them in one process, `cluster` is roles of their own over servers.',
  ),
  HITLAKE_ROLE: word('all', ['all', ...roles]).describe(
    'What this process does; `hitlake start --role` says the same. `all` is every role in one process.',
  ),
  HITLAKE_KAFKA_BROKERS: required('comma-separated host:port', (text) => {
    const brokers = text.split(',').map((each) => each.trim())
    return brokers.every((each) => /^[^\s:]+:\d{1,5}$/.test(each))
      ? { value: Object.freeze(brokers) as readonly string[] }
      : { wrong: `must list brokers as host:port, not "${text}"` }
  }).describe('Kafka brokers to begin with.'),
  HITLAKE_KAFKA_TOPIC: name('hits', 'name of a topic').describe(
    'Topic of hits, made where it is missing. Its life is one feed: a topic made anew needs a new name.',
  ),
  HITLAKE_KAFKA_PARTITIONS: whole(12, 1, 10_000).describe(
    'Partitions of the topic: fixed for its life, and the most workers of one job that have work.',
  ),
  HITLAKE_KAFKA_REPLICATION: whole(3, 1, 9).describe('Replicas of each partition, where the topic is made.'),
  HITLAKE_KAFKA_RETENTION: duration('7d', '1h', '3650d').describe(
    'How long Kafka keeps hits, where the topic is made: the longest that workers may be away.',
  ),
  HITLAKE_KAFKA_SESSION: duration('30s', '6s', '5m').describe(
    'A worker not heard of for so long loses its partitions to others.',
  ),
  HITLAKE_POSTGRES_URL: required('`postgres://user:password@host:port/database`', (text) =>
    /^postgres(ql)?:\/\/\S+\/\S+$/.test(text)
      ? { value: text }
      : { wrong: 'must be an address such as postgres://user:password@host:5432/hitlake' },
  ).describe('The control store.'),
  HITLAKE_OBJECTS_URI: required('`s3://bucket/prefix` or `file:///folder`', (text) =>
    /^(s3:\/\/[a-z0-9.-]+(\/[A-Za-z0-9._/-]*)?|file:\/\/\/\S*)$/.test(text)
      ? { value: text.replace(/\/+$/, '') }
      : { wrong: `must be s3://bucket/prefix or file:///folder, not "${text}"` },
  ).describe('Where staged files, checkpoints and publications lie; every role reaches it.'),
  HITLAKE_OBJECTS_TRINO_URI: text('URI').describe(
    'The same place as Trino names it, where that differs (`local:///…` for a shared folder).',
  ),
  HITLAKE_S3_ENDPOINT: text('`http://host:port`').describe('An S3 gateway other than AWS.'),
  HITLAKE_S3_REGION: name('us-east-1', 'name of a region').describe('Region of the bucket.'),
  HITLAKE_S3_ACCESS_KEY: text('text').describe("Access key; empty: the SDK's own search (environment, profile, role)."),
  HITLAKE_S3_SECRET_KEY: text('text').describe('Secret of the access key.'),
  HITLAKE_TRINO_URL: required('`http://host:port`', httpAddress).describe('The Trino coordinator.'),
  HITLAKE_TRINO_USER: name('hitlake', 'name of a user').describe('The user that queries run as.'),
  HITLAKE_TRINO_CATALOG: name('lake', 'name of a catalog').describe('An Iceberg catalog that allows `register_table`.'),
  HITLAKE_TRINO_SCHEMA: variable({ byDefault: 'hitlake', form: 'name of a schema' }, (text) =>
    /^[a-z][a-z0-9_]{0,50}$/.test(text)
      ? { value: text }
      : { wrong: `must have 1 to 51 of a-z, 0-9 and _, beginning with a letter, not "${text}"` },
  ).describe('Schema of the views for people; the tables are in the schema `<name>_tables`.'),
  HITLAKE_WAREHOUSE_EPOCH: duration('60s', '100ms', '1h').describe(
    'The longest an epoch of the job that writes `hits` and `failed_hits` takes in hits before it commits.',
  ),
  HITLAKE_ROLLUPS_EPOCH: duration('60s', '100ms', '1h').describe(
    'The same of the job that writes `hourly`: longer means fewer partial rows and older numbers.',
  ),
  HITLAKE_STATE_MAX_BYTES: byteSize('1 GB', '16 MB').describe(
    "Most memory of a job's state (dedupe) in one worker; at it the worker stops reading and forgets nothing.",
  ),
  HITLAKE_LEASE: duration('60s', '5s', '10m').describe(
    'A publisher not heard of for so long loses its table to another one.',
  ),
  HITLAKE_JOURNAL_KEEP: duration('7d', '1h', '365d').describe(
    'How old a restored control store may be for `hitlake recover` to bring it up to date.',
  ),
})

/** From the environment's variables to what the process is built of, with units in the names. */
export const clusterConfigSchema = clusterVariables.transform((set) =>
  Object.freeze({
    ...sharedConfig(set),
    mode: set.HITLAKE_MODE,
    roles: Object.freeze(set.HITLAKE_ROLE === 'all' ? [...roles] : [set.HITLAKE_ROLE]) as readonly Role[],
    kafka: Object.freeze({
      brokers: set.HITLAKE_KAFKA_BROKERS,
      topic: set.HITLAKE_KAFKA_TOPIC,
      partitions: set.HITLAKE_KAFKA_PARTITIONS,
      replication: set.HITLAKE_KAFKA_REPLICATION,
      retentionMs: set.HITLAKE_KAFKA_RETENTION,
      sessionTimeoutMs: set.HITLAKE_KAFKA_SESSION,
    }),
    postgresUrl: set.HITLAKE_POSTGRES_URL,
    objectsUri: set.HITLAKE_OBJECTS_URI,
    objectsTrinoUri: set.HITLAKE_OBJECTS_TRINO_URI || set.HITLAKE_OBJECTS_URI,
    s3: Object.freeze({
      endpoint: set.HITLAKE_S3_ENDPOINT,
      region: set.HITLAKE_S3_REGION,
      accessKey: set.HITLAKE_S3_ACCESS_KEY,
      secretKey: set.HITLAKE_S3_SECRET_KEY,
    }),
    trino: Object.freeze({
      url: set.HITLAKE_TRINO_URL,
      user: set.HITLAKE_TRINO_USER,
      catalog: set.HITLAKE_TRINO_CATALOG,
      viewSchema: set.HITLAKE_TRINO_SCHEMA,
      tableSchema: `${set.HITLAKE_TRINO_SCHEMA}_tables`,
    }),
    warehouseEpochMs: set.HITLAKE_WAREHOUSE_EPOCH,
    rollupsEpochMs: set.HITLAKE_ROLLUPS_EPOCH,
    stateMaxBytes: set.HITLAKE_STATE_MAX_BYTES,
    leaseMs: set.HITLAKE_LEASE,
    journalKeepMs: set.HITLAKE_JOURNAL_KEEP,
  }),
)

export type ClusterConfig = Readonly<z.output<typeof clusterConfigSchema>>
