/** Each client of ours through its proxy: the server answers, and none of them finds a way past a wire that is cut. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serversOf } from '../../cli/test/support/cluster.ts'
import { createKafka } from '../../core/adapters/kafka/client.ts'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import { s3ObjectStore } from '../../core/adapters/s3/s3-object-store.ts'
import { createTrino } from '../../lakehouse/adapters/trino/client.ts'
import { startWires, type WiredServer, type Wires } from './wires.ts'

let wires: Wires
let folder: string
beforeAll(async () => {
  wires = await startWires(serversOf(process.env), Math.random)
  folder = await mkdtemp(join(tmpdir(), 'hitlake-wires-'))
})
afterAll(async () => {
  await wires?.close()
  await rm(folder, { recursive: true, force: true })
})

/** Works through the proxy and over several of its connections; does not while the wire is cut; does again afterwards. */
async function expectOneWay(
  server: WiredServer,
  work: () => Promise<unknown>,
  leastConnections: number,
): Promise<void> {
  const proxy = wires.proxies[server]
  const before = proxy.taken
  await work()
  expect(proxy.taken - before).toBeGreaterThanOrEqual(leastConnections)
  proxy.become({ kind: 'cut' })
  await expect(work()).rejects.toThrow()
  proxy.become({ kind: 'whole' })
  await work()
}

describe('a proxy is the only way of its process', () => {
  it('to Kafka, though a broker names itself', async () => {
    const topic = `wires-${randomBytes(4).toString('hex')}`
    const kafka = createKafka({
      brokers: [wires.env.HITLAKE_KAFKA_BROKERS ?? ''],
      clientId: 'wires',
      say: () => {},
    })
    const work = async () => {
      const admin = kafka.admin()
      const producer = kafka.producer()
      try {
        await admin.connect()
        await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })
        await producer.connect()
        await producer.send({ topic, messages: [{ value: '127.0.0.1' }] })
        const named = await admin.describeCluster()
        expect(named.brokers.map(({ host, port }) => `${host}:${port}`)).toEqual([wires.env.HITLAKE_KAFKA_BROKERS])
      } finally {
        await Promise.all([admin.disconnect(), producer.disconnect()])
      }
    }
    // One of each client: the broker that the answer names is the one it was given.
    await expectOneWay('kafka', work, 2)
  })

  it('to Trino, whose answers name where the next page is', async () => {
    const trino = createTrino({
      url: wires.env.HITLAKE_TRINO_URL ?? '',
      user: 'test',
      source: 'wires',
      catalog: wires.env.HITLAKE_TRINO_CATALOG ?? '',
      clock: systemClock,
      timers: systemTimers,
      retryForMs: 500,
    })
    const work = async () => expect(await trino.query('SELECT count(*) FROM tpch.tiny.nation')).toEqual([[25]])
    await expectOneWay('trino', work, 1)
    await trino.close()
  })

  it('to PostgreSQL', async () => {
    const work = async () => {
      const client = new pg.Client({ connectionString: wires.env.HITLAKE_POSTGRES_URL ?? '' })
      client.on('error', () => {})
      try {
        await client.connect()
        expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      } finally {
        await client.end().catch(() => {})
      }
    }
    await expectOneWay('postgres', work, 1)
  })

  it('to S3, whose signatures hold the name it was asked by', async () => {
    const objects = await s3ObjectStore({
      bucket: 'lake',
      prefix: `wires-${randomBytes(4).toString('hex')}`,
      scratch: folder,
      endpoint: wires.env.HITLAKE_S3_ENDPOINT ?? '',
      region: wires.env.HITLAKE_S3_REGION ?? '',
      accessKey: wires.env.HITLAKE_S3_ACCESS_KEY ?? '',
      secretKey: wires.env.HITLAKE_S3_SECRET_KEY ?? '',
      timers: systemTimers,
      random: systemRandom,
      maxAttempts: 2,
    })
    const work = async () => {
      await objects.put('a', Buffer.from('one'))
      expect(String(await objects.get('a'))).toBe('one')
    }
    await expectOneWay('s3', work, 1)
    await objects.remove('a')
    await objects.close()
  })
})
