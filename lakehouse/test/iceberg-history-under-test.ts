/**
 * A table of hits to which all has happened that we let happen to a table: evolved (a column renamed, one dropped, one added,
 * all reordered), tagged, branched, compacted, its manifests rewritten, rolled back, files deleted, expired. For tests that
 * open it with other engines.
 */
import { join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { dayMs, eventTime, utcDay } from '../../core/event-time.ts'
import { hitRow } from '../../core/ports/lake.contract.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { hitsTable } from '../../schemas/tables.ts'
import { createLocalLake } from '../adapters/local/local-lake.ts'
import { type CommitOptions, commitUpdates } from '../core/iceberg/commit.ts'
import { evolveSchema } from '../core/iceberg/evolve-schema.ts'
import { expireSnapshots } from '../core/iceberg/expire.ts'
import { tableLayout } from '../core/iceberg/layout.ts'
import { currentSnapshot } from '../core/iceberg/metadata.ts'
import { rollback, setTag } from '../core/iceberg/refs.ts'
import { deleteFiles } from '../core/iceberg/replace.ts'
import { rewriteManifests } from '../core/iceberg/rewrite-manifests.ts'
import { TableReader } from '../core/iceberg/table-reader.ts'

/** Noon of the first of the three days that the hits are on. */
export const firstNoon = eventTime('2026-03-01T12:00:00Z')
/** Rows of a publication: of each merchant one on the first day and one on the second. */
const merchants = ['alpha', 'beta', 'omega']

/** Ids of the snapshots that are left, each named after what made it. */
export interface TableHistory {
  /** Before the columns changed; the tag `release` names it. */
  readonly first: string
  /** The branch `trial` names it. */
  readonly second: string
  /** After the columns changed, the first day compacted; kept by its id alone. */
  readonly compacted: string
  /** The third day's files were deleted. */
  readonly deleted: string
  /** One more publication. */
  readonly current: string
  /** Of the newest metadata file. */
  readonly version: number
  /** Names of the columns now, in order. */
  readonly columns: readonly string[]
}

export interface HistoryPlace {
  readonly objects: ObjectStore
  readonly instance: DuckDBInstance
  /** A folder. */
  readonly scratch: string
  /** What others call the folder `lake/` of the objects. */
  readonly lakeUri: string
}

export async function makeHistory({ objects, instance, scratch, lakeUri }: HistoryPlace): Promise<TableHistory> {
  const clock = new ManualClock()
  const random = seededRandom(3)
  const common = { objects, random, clock }
  const lake = createLocalLake({ ...common, instance, scratch: join(scratch, 'history'), location: lakeUri })
  const layout = tableLayout(hitsTable, lakeUri)
  const open = (): CommitOptions => {
    const reader = new TableReader({ objects, definition: hitsTable, layout })
    return { ...common, definition: hitsTable, layout, reader }
  }
  let published = 0
  const publish = async (days: readonly number[]) => {
    clock.advance(60_000)
    const id = ++published
    const rows = merchants.flatMap((merchant) =>
      days.map((day) => hitRow({ merchant, id: `${merchant}-${id}-${day}`, _off: id, time: firstNoon + day * dayMs })),
    )
    return (await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, rows)])).snapshot
  }

  const first = await publish([0, 1])
  const second = await publish([0, 1])
  await setTag(open(), { name: 'release', snapshot: first, until: null })
  await setTag(open(), { name: 'passing', snapshot: second, until: clock.now() + 60_000 })
  await setBranch(open(), 'trial', second)
  await evolve(open())
  await publish([0, 1])
  const rewritten = await lake.rewrite('hits', { generation: 1, period: utcDay(firstNoon) })
  const compacted = rewritten?.snapshot ?? ''
  await publish([0, 1, 2])
  await rewriteManifests(open())
  const kept = currentSnapshot((await mustLoad(open())).metadata)?.['snapshot-id']
  await publish([0, 1])
  await rollback(open(), String(kept))
  const deleted = await deleteDay(open(), utcDay(firstNoon) + 2)
  clock.advance(60_000)
  const { files } = await expireSnapshots(open(), { keep: new Set([compacted, deleted]) })
  for (const name of [...files.dataFiles, ...files.manifests, ...files.manifestLists]) await objects.remove(name)
  const current = await publish([0, 1])
  const { version } = await mustLoad(open())
  return { first, second, compacted, deleted, current, version, columns: columnsNow.map(([, name]) => name) }
}

const idOf = (name: string) => hitsTable.columns.find((column) => column.name === name)?.id ?? 0
/** Above all ids of the table, those within lists too. */
const channelId = 1_000
const kept = hitsTable.columns.filter(({ name }) => name !== 'screen')
const columnsNow: readonly (readonly [id: number, name: string])[] = [
  [channelId, 'channel'],
  ...kept.map(({ id, name }) => [id, name === 'title' ? 'heading' : name] as const),
]

async function evolve(options: CommitOptions): Promise<void> {
  await evolveSchema(options, [
    { kind: 'rename', id: idOf('title'), name: 'heading' },
    { kind: 'drop', id: idOf('screen') },
    { kind: 'add', column: { id: channelId, name: 'channel', type: 'string', doc: 'added' } },
    { kind: 'reorder', ids: columnsNow.map(([id]) => id) },
  ])
}

async function mustLoad({ reader }: CommitOptions) {
  const loaded = await reader.load()
  if (loaded === undefined) throw new Error('no table')
  return loaded
}

// We make none ourselves: it stands for another engine's.
async function setBranch(options: CommitOptions, name: string, snapshot: string): Promise<void> {
  const ref = { 'snapshot-id': Number(snapshot), type: 'branch' as const }
  await commitUpdates(options, async () => {
    return { requirements: [], updates: [{ action: 'set-ref', name, ref }], result: undefined }
  })
}

async function deleteDay(options: CommitOptions, day: number): Promise<string> {
  const { metadata } = await mustLoad(options)
  const snapshot = currentSnapshot(metadata)
  const removed = []
  if (snapshot !== undefined)
    for await (const { file } of options.reader.liveFiles(metadata, snapshot, () => true))
      if (file.partition.at(-1) === day) removed.push(file)
  return deleteFiles(options, { removed, named: {} })
}
