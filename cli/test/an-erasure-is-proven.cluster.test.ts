/**
 * `hitlake lake prove-erased` over real servers: it finds a visitor wherever Trino, the publisher and the workers have put
 * it, and says what it cannot look into.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../core/adapters/node/system.ts'
import { parseConfig } from '../../core/config/parse-config.ts'
import type { Proof } from '../../lakehouse/core/erasure-proof/report.ts'
import { proveErasedHere } from '../lake/prove-erased.ts'
import { type Cluster, createCluster } from './support/cluster.ts'
import { call } from './support/server.ts'

const shop = { id: 'shop', timeZone: 'UTC', currency: 'EUR', blockedNames: [] }
const visitor = 'a-visitor-of-many-words'

let cluster: Cluster
beforeAll(async () => {
  cluster = await createCluster({
    servers: process.env,
    roles: { collector: 1, worker: 1, gateway: 1, maintenance: 1 },
    partitions: 2,
  })
  await cluster.addShops([shop])
  const key = cluster.writeKey({ shop } as never)
  const body = [visitor, 'somebody-else'].map((each) => ({ name: 'page_view', visitor: each }))
  expect((await call(`${cluster.collectorUrl()}/v1/hits`, { key, body })).status).toBe(202)
  await cluster.settle()
})
afterAll(() => cluster?.remove())

async function prove(of: string) {
  const lines: string[] = []
  const { HITLAKE_ADMIN_KEY: _, ...env } = cluster.env
  const code = await proveErasedHere(
    {
      config: parseConfig({ ...env, HITLAKE_ROLE: 'gateway', HITLAKE_DATA_DIR: cluster.folder }),
      clock: systemClock,
      terminal: {
        out: (line) => lines.push(line),
        progress: { write: () => undefined, isTerminal: false, width: 100 },
        ...{ isTerminal: false, width: 100 },
      },
    },
    { merchant: shop.id, visitor: of, json: true },
  )
  return { code, ...(JSON.parse(lines[0] ?? '') as Proof) }
}

it('finds a visitor in tables that Trino wrote, and in the publication they came with', async () => {
  const { code, finds, places } = await prove(visitor)
  expect(code).toBe(1)
  const kinds = new Set(places.map(({ kind }) => kind))
  for (const kind of ['data file', 'table metadata', 'manifest list', 'manifest', 'checkpoint', 'control store']) {
    expect(kinds).toContain(kind)
  }
  const inTrino = finds.filter(({ object }) => object.startsWith('s3://'))
  expect(inTrino.map(({ kind, where }) => `${kind}: ${where}`).join('\n')).toContain('data file: column visitor')
  expect(inTrino.some(({ where }) => where.includes('column visitors'))).toBe(true)
  expect(finds.some(({ kind }) => kind === 'control store')).toBe(false)
})

it('finds nothing of one that never was, and does not take that for proven while Kafka may hold it', async () => {
  const { code, finds, unread } = await prove('nobody-was-ever-called-so')
  expect(finds).toEqual([])
  expect(code).toBe(2)
  const objects = unread.map(({ object }) => object.replace(/ \S+$/, '')).sort()
  expect(objects).toEqual(['Kafka topic', 'log of collector'])
})
