/**
 * The servers that other suites stop, kill and pause really stop, die and stand still; and come back with what they held.
 * Of Trino, which takes long to start, `lakehouse/test/trino-killed.cluster.test.ts` shows it.
 */
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Servers, startServers } from './servers.mjs'

let folder: string
let servers: Servers<'kafka' | 'postgres' | 's3'>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hitlake-servers-'))
  servers = await startServers({ folder, only: ['kafka', 'postgres', 's3'] })
})

afterAll(async () => {
  await servers?.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('servers on loopback', () => {
  it('answer their clients where the environment says', async () => {
    await withKafka(async (admin) => {
      await admin.createTopics({ topics: [{ topic: 'first', numPartitions: 3 }], waitForLeaders: true })
      expect(await admin.listTopics()).toContain('first')
    })
    expect(await onPostgres('SELECT current_database() AS name')).toEqual([{ name: 'hitlake' }])
    await putObject('hitlake/first', 'one object')
    expect(await getObject('hitlake/first')).toBe('one object')
  })

  it('make no topic by its first use', async () => {
    const kafka = new Kafka({
      brokers: [setting('HITLAKE_KAFKA_BROKERS')],
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
    })
    const producer = kafka.producer({ allowAutoTopicCreation: true })
    await producer.connect()
    await expect(producer.send({ topic: 'nobody-made-me', messages: [{ value: 'x' }] })).rejects.toThrow()
    await producer.disconnect()
  })
})

describe('Kafka', () => {
  it('stopped and started, is on the same port with the same records', async () => {
    await withKafka(async (admin, kafka) => {
      await admin.createTopics({ topics: [{ topic: 'kept' }], waitForLeaders: true })
      const producer = kafka.producer()
      await producer.connect()
      await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'one' }, { value: 'two' }] })
      await producer.disconnect()
    })
    const { port, pid } = servers.kafka
    await servers.kafka.stop()
    expect(await isListening(port)).toBe(false)
    expect(servers.kafka.pid).toBeUndefined()
    await servers.kafka.start()
    expect(servers.kafka.pid).not.toBe(pid)
    await withKafka(async (admin) => {
      expect(await admin.fetchTopicOffsets('kept')).toMatchObject([{ partition: 0, high: '2' }])
    })
  })

  it('killed and started, serves', async () => {
    await servers.kafka.kill()
    await servers.kafka.start()
    await withKafka(async (admin) => {
      expect(await admin.fetchTopicOffsets('kept')).toMatchObject([{ partition: 0, high: '2' }])
    })
  })
})

describe('PostgreSQL', () => {
  it('paused, answers neither an open connection nor a new one, and then goes on', async () => {
    const client = new pg.Client({ connectionString: setting('HITLAKE_POSTGRES_URL') })
    await client.connect()
    try {
      await client.query('SELECT 1')
      servers.postgres.pause()
      const answer = client.query('SELECT 2 AS two')
      const newcomer = onPostgres('SELECT 3 AS three')
      expect(await Promise.race([answer, newcomer, sleep(1_000, 'silence')])).toBe('silence')
      servers.postgres.resume()
      expect((await answer).rows).toEqual([{ two: 2 }])
      expect(await newcomer).toEqual([{ three: 3 }])
    } finally {
      servers.postgres.resume()
      await client.end()
    }
  })

  it('killed and started, has what was committed', async () => {
    await onPostgres('CREATE TABLE kept (id int)')
    await onPostgres('INSERT INTO kept VALUES (7)')
    await servers.postgres.kill()
    await expect(onPostgres('SELECT 1')).rejects.toThrow('ECONNREFUSED')
    await servers.postgres.start()
    expect(await onPostgres('SELECT id FROM kept')).toEqual([{ id: 7 }])
  })

  it('stops at once though a client is connected, even while it stands still', async () => {
    const client = new pg.Client({ connectionString: setting('HITLAKE_POSTGRES_URL') })
    client.on('error', () => {})
    await client.connect()
    servers.postgres.pause()
    const before = performance.now()
    await servers.postgres.stop()
    expect(performance.now() - before).toBeLessThan(10_000)
    await servers.postgres.start()
  })
})

describe('S3', () => {
  it('stopped and started, has its objects and takes the same keys', async () => {
    await putObject('hitlake/kept', 'kept')
    await servers.s3.stop()
    await expect(getObject('hitlake/kept')).rejects.toThrow()
    await servers.s3.start()
    expect(await getObject('hitlake/kept')).toBe('kept')
  })
})

describe('a server that cannot start', () => {
  it('says why, which log to read and how that ends', async () => {
    await servers.s3.stop()
    const other = createServer((socket) => socket.destroy()).listen(servers.s3.port, '127.0.0.1')
    await once(other, 'listening')
    try {
      const failure = await servers.s3.start().then(String, String)
      expect(failure).toContain(`s3 on port ${servers.s3.port} ended before it was ready; read ${servers.s3.log}`)
      expect(failure).toContain('address already in use')
    } finally {
      other.close()
      await once(other, 'close')
    }
    await servers.s3.start()
  })
})

// Last: it stops what the tests above use.
describe('stop', () => {
  it('leaves nothing of them running', async () => {
    expect(processesNaming(folder).length).toBeGreaterThan(2)
    await servers.stop()
    expect(processesNaming(folder)).toEqual([])
    for (const name of ['kafka', 'postgres', 's3'] as const) {
      expect(await isListening(servers[name].port), name).toBe(false)
    }
  })
})

function setting(name: string): string {
  const value = servers.env[name]
  if (value === undefined) throw new Error(`the servers' environment has no ${name}`)
  return value
}

async function withKafka(use: (admin: ReturnType<Kafka['admin']>, kafka: Kafka) => Promise<void>): Promise<void> {
  const kafka = new Kafka({ brokers: [setting('HITLAKE_KAFKA_BROKERS')], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  try {
    await use(admin, kafka)
  } finally {
    await admin.disconnect()
  }
}

async function onPostgres(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: setting('HITLAKE_POSTGRES_URL') })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

function s3Client(): S3Client {
  return new S3Client({
    endpoint: setting('HITLAKE_S3_ENDPOINT'),
    region: setting('HITLAKE_S3_REGION'),
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: setting('HITLAKE_S3_ACCESS_KEY'), secretAccessKey: setting('HITLAKE_S3_SECRET_KEY') },
  })
}

async function putObject(key: string, body: string): Promise<void> {
  await s3Client().send(new PutObjectCommand({ Bucket: 'lake', Key: key, Body: body }))
}

async function getObject(key: string): Promise<string | undefined> {
  const { Body } = await s3Client().send(new GetObjectCommand({ Bucket: 'lake', Key: key }))
  return await Body?.transformToString()
}

/** Whether anybody holds the port: it cannot be bound. */
async function isListening(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  const held = await once(server, 'listening').then(
    () => false,
    () => true,
  )
  server.close()
  return held
}

/** Processes whose command line names the folder, or that work in it. */
function processesNaming(path: string): string[] {
  const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return found.map(commandLine).filter((line) => line.includes(path))
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
