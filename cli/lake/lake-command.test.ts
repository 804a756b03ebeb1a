import type { FastifyInstance } from 'fastify'
import { afterAll, describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { SnapshotNotFoundError } from '../../core/errors.ts'
import type { LakeUpkeep, SnapshotInfo, TableFault } from '../../core/ports/lake.ts'
import { buildApp } from '../../gateway/app.ts'
import { createKeyDirectory, hashKey } from '../../gateway/core/keys.ts'
import { createReadiness } from '../../gateway/core/readiness.ts'
import { createMetrics } from '../../gateway/http/plugins/metrics.ts'
import { adminTablesRoutes } from '../../gateway/http/routes/admin-tables.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { createApi } from '../client/api.ts'
import * as lake from './lake-command.ts'
import { bytesText } from './lake-text.ts'

const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers) await close()
})

const at = Date.parse('2026-03-01T10:00:00Z')
const made = (id: string, parent: string | null, publish: number | null, totalRows: number): SnapshotInfo => ({
  ...{ id, parent, publish, totalRows, at: at + Number(id) * 60_000 },
  operation: publish === null ? 'replace' : 'append',
  addedRows: totalRows,
})

/** The commands against the real routes, over a lake that is asked little. */
async function world(
  change: {
    readonly faults?: readonly TableFault[]
    readonly busy?: true
    readonly snapshots?: readonly SnapshotInfo[]
  } = {},
) {
  const clock = new ManualClock(at)
  /** What was asked of rollback. */
  const done: string[] = []
  const store = createMemoryControlStore()
  const key = { merchant: null, kind: 'server', origins: [], quota: null, tool: null } as const
  await store.addKey({ ...key, hash: hashKey('admin'), rights: ['admin'] })
  const upkeep: LakeUpkeep = {
    partitions: async () => [
      { generation: 1, period: 20_513, files: 3, rows: 500, bytes: 5_000_000 },
      { generation: 1, period: 674, files: 1, rows: 2, bytes: 900 },
    ],
    expire: async () => (change.busy ? null : { snapshots: ['1'], files: 4, bytes: 2_048 }),
    removeOrphans: async () => ({ snapshots: [], files: 0, bytes: 0 }),
    compact: async () =>
      change.busy
        ? null
        : [
            { generation: 1, period: 20_513, files: 5, rows: 500, bytes: 5_000_000 },
            { generation: 1, period: 20_514, files: 4, rows: 2, bytes: 900 },
          ],
    rollback: async (_table, to, mode) => {
      done.push(`${mode} ${to}`)
      return change.busy ? null : { from: '3', to, undone: to === '3' ? [] : ['3'], days: 2 }
    },
    changes: async (table, _from, to) => {
      if (to === '9') throw new SnapshotNotFoundError(table, to)
      return [
        { partition: null, added: { files: 1, rows: 7 }, removed: { files: 0, rows: 0 } },
        {
          partition: { generation: 1, period: 20_513 },
          added: { files: 1, rows: 500 },
          removed: { files: 3, rows: 200 },
        },
      ]
    },
    pinned: async () => undefined,
    verify: async () => change.faults ?? [],
  }
  const snapshots = change.snapshots ?? [made('3', '2', null, 500), made('2', '1', 2, 500), made('1', null, 1, 200)]
  const options = {
    ...{ store, clock, keys: createKeyDirectory({ store, clock }), upkeep },
    lake: { snapshots: async () => snapshots },
    tables: ['hits'] as const,
  }
  const app = await buildApp({
    timers: clock,
    readiness: createReadiness([]),
    metrics: createMetrics(),
    plugins: [
      async (each: FastifyInstance) => {
        await each.register(adminTablesRoutes, options)
      },
    ],
  })
  closers.push(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const lines: string[] = []
  const progress: string[] = []
  const context = (form: 'text' | 'json'): lake.LakeContext => ({
    api: createApi({ url, adminKey: 'admin' }),
    terminal: {
      out: (line) => lines.push(line),
      progress: { write: (text) => void progress.push(text), isTerminal: false, width: 100 },
      isTerminal: false,
      width: 120,
    },
    clock,
    timers: clock,
    form,
  })
  return { text: context('text'), json: context('json'), lines, progress, store, done }
}

describe('hitlake lake', () => {
  it('pins for so many days, shows it beside snapshots and tables, and unpins', async () => {
    const { text, lines } = await world()
    expect(await lake.lakePin(text, 'hits', '2', { days: 14, by: 'me' })).toBe(0)
    await lake.lakeSnapshots(text, 'hits', 'snapshots')
    await lake.lakeTables(text)
    await lake.lakeUnpin(text, 'hits', 'pin-2')
    expect(lines[0]).toBe('2 of hits is kept until 2026-03-15T10:00:00.000Z, as pin-2')
    expect(lines.find((line) => line.startsWith('2026-03-01T10:02'))).toMatch(/ 2 +append +pin-2 +500 +500$/)
    expect(lines.find((line) => line.startsWith('hits '))).toContain('pin-2')
    expect(lines.at(-1)).toBe('the pin pin-2 of hits is gone')
  })

  it('shows ids whole on a narrow terminal: other commands take them', async () => {
    const { text, lines } = await world({
      snapshots: [{ ...made('1', null, 1, 200), id: '1234567890123456789', parent: '9234567890123456789' }],
    })
    await lake.lakeSnapshots({ ...text, terminal: { ...text.terminal, width: 40 } }, 'hits', 'history')
    expect(lines.at(-1)).toMatch(/^2026-03-01T10:\S+Z +1234567890123456789 +append +9234567890123456789 /)
  })

  it('shows the history with parents, and partitions by day or month', async () => {
    const { text, lines } = await world()
    await lake.lakeSnapshots(text, 'hits', 'history')
    expect(lines.slice(2).map((line) => line.split(/ +/).slice(1))).toEqual([
      ['3', 'replace', '2', '-', '500', '500'],
      ['2', 'append', '1', '2', '500', '500'],
      ['1', 'append', '-', '1', '200', '200'],
    ])
    lines.length = 0
    await lake.lakeFiles(text, 'hits')
    expect(lines.slice(2).map((line) => line.split(/ +/))).toEqual([
      ['1', '2026-03-01', '3', '500', '4.8', 'MB'],
      ['1', '2026-03', '1', '2', '900', 'B'],
    ])
  })

  it('says by partition what differs between two snapshots, and of one that is not there so', async () => {
    const { text, lines } = await world()
    await lake.lakeDiff(text, 'hits', '1', '3')
    expect(lines.slice(0, 3)).toEqual([
      '+507 −200 rows, by 1 publications and 1 other commits',
      '2026-03-01T10:03:00.000Z  3  replace, 500 rows written',
      '2026-03-01T10:02:00.000Z  2  append of publication 2, 500 rows written',
    ])
    expect(lines.slice(-2).map((line) => line.trim().split(/ +/))).toEqual([
      ['-', 'elsewhere', '7', '0', '1', '0'],
      ['1', '2026-03-01', '500', '200', '1', '3'],
    ])
    await expect(lake.lakeDiff(text, 'hits', '3', '9')).rejects.toThrow('hits has no snapshot 9')
  })

  it('rolls back only where told so, and says before what it would undo', async () => {
    const { text, lines, done } = await world()
    expect(await lake.lakeRollback(text, 'hits', '2', 'ask')).toBe(1)
    expect(lines).toEqual([
      '1 snapshots would be undone, and 2 days of merchants asked anew:',
      '  3',
      'nothing was changed; with --yes it is done',
    ])
    expect(await lake.lakeRollback(text, 'hits', '2', 'dry run')).toBe(0)
    expect(done).toEqual(['dry run 2', 'dry run 2'])
    expect(await lake.lakeRollback(text, 'hits', '2', 'roll back')).toBe(0)
    expect(done.at(-1)).toBe('roll back 2')
    expect(lines.at(-1)).toBe('hits is at 2 again; 1 snapshots were undone, and 2 days of merchants are asked anew')
    expect(await lake.lakeRollback(text, 'hits', '3', 'ask')).toBe(0)
    expect(lines.at(-1)).toBe('hits is at 3 already')
    const busy = await world({ busy: true })
    expect(await lake.lakeRollback(busy.text, 'hits', '2', 'roll back')).toBe(1)
    expect(busy.lines[0]).toContain('try again')
  })

  it('expires and compacts, or says that it cannot now and ends with 1', async () => {
    const { text, lines, progress } = await world()
    expect(await lake.lakeExpire(text, 'hits', 'dry run')).toBe(0)
    expect(await lake.lakeCompact(text, 'hits', 'dry run')).toBe(0)
    expect(lines[0]).toBe('1 snapshots and 4 files (2.0 KB) would go')
    expect(lines[2]).toBe('2 partitions: 9 files would become 2; the others have too few files to be worth it')
    expect(lines.at(-1)?.split(/ +/)).toEqual(['1', '2026-03-02', '4', '2', '900', 'B'])
    await lake.lakeCompact(text, 'hits', 'rewrite')
    expect(lines.some((line) => line.startsWith('2 partitions: 9 files became 2;'))).toBe(true)
    expect(progress).toEqual([expect.stringMatching(/^[12] of 2 partitions/)])
    const busy = await world({ busy: true })
    expect(await lake.lakeExpire(busy.text, 'hits', 'remove')).toBe(1)
    expect(await lake.lakeCompact(busy.text, 'hits', 'rewrite')).toBe(1)
    expect(busy.lines[0]).toContain('try again')
  })

  it('examines every table, says how to mend it, and ends with 1 where something is broken', async () => {
    const good = await world()
    expect(await lake.lakeDoctor(good.text)).toBe(0)
    expect(good.lines).toEqual(['✓ hits'])
    const bad = await world({ faults: [{ at: 'a.parquet', says: 'it does not exist', mend: 'bring it back' }] })
    expect(await lake.lakeDoctor(bad.text)).toBe(1)
    expect(bad.lines.join('\n')).toBe('✗ hits: 1 faults\n    a.parquet: it does not exist\n        bring it back')
  })

  it('prints one JSON value a command where asked, and the words of the server where refused', async () => {
    const { json, lines } = await world()
    await lake.lakeTables(json)
    await lake.lakeSnapshots(json, 'hits', 'snapshots')
    await lake.lakeFiles(json, 'hits')
    await lake.lakeDiff(json, 'hits', '1', '3')
    await lake.lakePin(json, 'hits', '1', { days: 1, by: 'me', name: 'a' })
    await lake.lakeUnpin(json, 'hits', 'a')
    await lake.lakeExpire(json, 'hits', 'remove')
    await lake.lakeCompact(json, 'hits', 'rewrite')
    await lake.lakeRollback(json, 'hits', '2', 'roll back')
    await lake.lakeDoctor(json)
    expect(lines).toHaveLength(10)
    for (const line of lines) expect(typeof JSON.parse(line)).toBe('object')
    await expect(lake.lakePin(json, 'hits', '7', { days: 1, by: 'me' })).rejects.toThrow('not_found: ')
    await expect(lake.lakeFiles(json, 'hats')).rejects.toThrow('there are hits')
  })
})

it.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1.0 KB'],
  [10 * 1_024, '10 KB'],
  [3 * 2 ** 40, '3.0 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})
