/** The servers that other suites stop, kill and pause really stop, die and stand still; and come back with what they held. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runningServers, type Servers, startServers, stopServers } from './servers.mjs'

let folder: string
let servers: Servers

beforeAll(async () => {
  folder = temporaryFolder()
  servers = await startServers({ folder })
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
    await onTrino('CREATE SCHEMA lake.first')
    await onTrino("CREATE TABLE lake.first.shops AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (id, name)")
    expect(await onTrino('SELECT id, name FROM lake.first.shops ORDER BY id')).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
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

describe('Trino', () => {
  it('killed and started, reads the tables it had', async () => {
    await servers.trino.kill()
    expect(await isListening(servers.trino.port)).toBe(false)
    await servers.trino.start()
    expect(await onTrino('SELECT count(*) FROM lake.first.shops')).toEqual([[2]])
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

describe('servers left running', () => {
  it('are taken over by a second start and stopped by name of their folder', async () => {
    const left = temporaryFolder()
    try {
      const first = await startServers({ folder: left, only: ['s3'], lifetime: 'machine' })
      const second = await startServers({ folder: left, only: ['s3'], lifetime: 'machine' })
      expect(second.s3.pid).toBe(first.s3.pid)
      expect(second.env).toEqual(first.env)
      expect(runningServers({ folder: left })).toEqual({ running: ['s3'], env: first.env })
      expect(await stopServers({ folder: left })).toEqual(['s3'])
      expect(first.s3.pid).toBeUndefined()
      expect(await stopServers({ folder: left })).toEqual([])
      const third = await startServers({ folder: left, only: ['s3'], lifetime: 'machine' })
      expect(third.env).toEqual(first.env)
    } finally {
      await stopServers({ folder: left })
      rmSync(left, { recursive: true, force: true })
    }
  })

  it('are never mistaken for a process that was given their pid later', async () => {
    const left = temporaryFolder()
    const bystander = spawn('sleep', ['60'])
    try {
      await startServers({ folder: left, only: ['s3'], lifetime: 'machine' })
      await stopServers({ folder: left })
      const file = join(left, 'state.json')
      const state = JSON.parse(readFileSync(file, 'utf8'))
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
      state.processes.s3 = { pid: bystander.pid, startedTicks: 1, boot }
      writeFileSync(file, JSON.stringify(state))
      expect(await stopServers({ folder: left })).toEqual([])
      await sleep(100)
      expect(bystander.exitCode ?? bystander.signalCode).toBeNull()
    } finally {
      bystander.kill()
      rmSync(left, { recursive: true, force: true })
    }
  })
})

describe('servers of a caller', () => {
  it('die with it, even if it is killed', async () => {
    const left = temporaryFolder()
    let caller: ChildProcess | undefined
    try {
      const script = `
        const { startServers } = await import(${JSON.stringify(new URL('./servers.mjs', import.meta.url).href)})
        const { s3, postgres } = await startServers({ folder: ${JSON.stringify(left)}, only: ['s3', 'postgres'] })
        console.log('started')
        setInterval(() => {}, 1000)`
      caller = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
      if (caller.stdout) await once(caller.stdout, 'data')
      expect(runningServers({ folder: left })?.running).toEqual(['postgres', 's3'])
      caller.kill('SIGKILL')
      await expect.poll(() => runningServers({ folder: left })?.running, { timeout: 10_000 }).toEqual([])
      await expect.poll(() => processesNaming(left), { timeout: 10_000 }).toEqual([])
    } finally {
      caller?.kill('SIGKILL')
      await stopServers({ folder: left })
      rmSync(left, { recursive: true, force: true })
    }
  })
})

// Last: it stops what the tests above use.
describe('stop', () => {
  it('leaves nothing of them running', async () => {
    expect(processesNaming(folder).length).toBeGreaterThan(3)
    await servers.stop()
    expect(processesNaming(folder)).toEqual([])
    for (const name of ['kafka', 'postgres', 's3', 'trino'] as const) {
      expect(await isListening(servers[name].port), name).toBe(false)
    }
  })
})

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'hitlake-servers-'))
}

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

interface TrinoPage {
  readonly nextUri?: string
  readonly data?: readonly unknown[][]
  readonly error?: { readonly message: string }
}

async function onTrino(sql: string): Promise<unknown[]> {
  const headers = { 'X-Trino-User': 'test' }
  const rows: unknown[] = []
  let next: string | undefined = `${setting('HITLAKE_TRINO_URL')}/v1/statement`
  for (let request: RequestInit = { method: 'POST', body: sql, headers }; next !== undefined; request = { headers }) {
    const page = (await (await fetch(next, request)).json()) as TrinoPage
    if (page.error) throw new Error(page.error.message)
    rows.push(...(page.data ?? []))
    next = page.nextUri
  }
  return rows
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
