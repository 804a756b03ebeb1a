/**
 * Rounds that take rows of generations out which neither answer nor may answer again, and which nobody writes: those of
 * reruns that were cancelled, and those that a released rerun replaced. No version rises: no number that may be asked changes.
 *
 * What was staged of them and is not published yet is published as everything is, and taken out after.
 */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { isToldOf, type RemovalRoundOptions, type RowsLeft, removeEverywhere } from './removal-steps.ts'
import { isUnderWay, tellReaders } from './rewrite-round.ts'
import { inTurn, takeLease } from './turns.ts'

/** Rows of a generation rest so long after the last change of what answers: longer than anybody reads by the map of before. */
export const generationRestMs = 10 * 60_000
/** How often tables are looked through for rows of generations that were taken out of them before. */
export const generationsEveryMs = 6 * 3_600_000

export const generationTables: readonly TableName[] = ['sessions', 'daily', 'hourly', 'failed_hits', 'hits']

export interface GenerationsRoundOptions extends RemovalRoundOptions {
  readonly store: RemovalRoundOptions['store'] & Pick<ControlStore, 'generationsInUse' | 'reruns'>
}

/** What rounds of this process know of a table. */
interface Look {
  /** The generations that were to go. */
  readonly dead: string
  /** Files that were committed and not published when these were first looked for: they may hold rows of them. */
  waitsFor: ReadonlySet<string>
  /** When nothing was left, on the monotonic clock. */
  cleanAt?: number
}

export interface GenerationsRounds {
  /** Where it is due. */
  run(table: TableName): Promise<void>
}

export function createGenerationsRounds(options: GenerationsRoundOptions): GenerationsRounds {
  const { store, clock } = options
  const looks = new Map<TableName, Look>()

  async function pendingOf(table: TableName): Promise<readonly string[]> {
    return (await store.tableView(table)).pending.map(({ name }) => name)
  }

  return {
    async run(table) {
      const dead = await deadGenerations(options)
      if (dead.length === 0) return
      const known = looks.get(table)
      const look: Look =
        known?.dead === dead.join() ? known : { dead: dead.join(), waitsFor: new Set(await pendingOf(table)) }
      looks.set(table, look)
      if (look.cleanAt !== undefined && clock.monotonic() - look.cleanAt < generationsEveryMs) return
      if (look.waitsFor.size > 0) {
        look.waitsFor = new Set((await pendingOf(table)).filter((name) => look.waitsFor.has(name)))
      }
      const isPublished = look.waitsFor.size === 0
      if ((await removeDead(options, table, dead)) === 'none' && isPublished) look.cleanAt = clock.monotonic()
    },
  }
}

/**
 * Rising; none while the map has changed just now. In this order: a generation that was there at the first look, and is not in
 * use at the second, never will be again, and one that began in between is not among them.
 */
export async function deadGenerations({
  store,
  clock,
}: Pick<GenerationsRoundOptions, 'store' | 'clock'>): Promise<readonly number[]> {
  const [newest] = await store.reruns({ limit: 1 })
  if (newest === undefined) return []
  const { inUse, changedAt } = await store.generationsInUse()
  if (changedAt !== null && clock.now() - changedAt < generationRestMs) return []
  const used = new Set(inUse)
  return Array.from({ length: newest.generation }, (_, i) => i + 1).filter((generation) => !used.has(generation))
}

async function removeDead(
  options: GenerationsRoundOptions,
  table: TableName,
  dead: readonly number[],
): Promise<RowsLeft> {
  if (!tables[table].partition.generation) return removeEverywhere(options, table, [{ generations: dead }])
  const { lake } = options
  const lease = await takeLease(options, table)
  if (lease === undefined) return 'later'
  // In this order: what is in the lake at the first look and not under way at the second is finished.
  const through = await lake.lastPublish(table)
  if (await isUnderWay(options, table)) return 'later'
  const done = await inTurn(options, table, lease, (turn) => lake.removeGenerations(table, dead, { turn, through }))
  await tellReaders(options, table, lease, [])
  if (done !== null) options.onRowsRemoved?.({ table, rows: done.removed })
  return (await isToldOf(options, table)) ? 'none' : 'later'
}
