/**
 * One round of a derived table: what was begun and not finished first, then all closed units whose days changed. The mark
 * says how far rounds came; a round that ends early leaves it, and the next one makes those units again.
 */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { Derivation, DerivedTable, DerivedUnit } from '../../../core/ports/maintenance-store.ts'
import { type VisitsRule, visitsRule } from '../../../core/visits.ts'
import { changedUnits } from './changed-units.ts'
import type { MaintainedLake } from './maintained-lake.ts'
import { inTurn, type Lease, type TurnsOptions, takeLease } from './turns.ts'

export interface Derived {
  readonly table: DerivedTable
  readonly id: number
  readonly units: readonly DerivedUnit[]
  readonly rows: number
  readonly tookMs: number
}

export interface DeriveRoundOptions extends TurnsOptions {
  readonly store: TurnsOptions['store'] &
    Pick<
      ControlStore,
      | 'beginDerivation'
      | 'changedDays'
      | 'derivationMark'
      | 'finishDerivation'
      | 'merchantsById'
      | 'openDerivation'
      | 'setDerivationMark'
      | 'tableView'
      | 'versionsSince'
    >
  readonly lake: MaintainedLake
  readonly reads: 'pending' | 'published'
  readonly rule?: VisitsRule
  readonly onDerived?: (derived: Derived) => void
}

export type RoundOutcome = 'done' | 'stopped' | 'held elsewhere'

/** `closedDay`: the last UTC day that is over. */
export async function deriveRound(
  options: DeriveRoundOptions,
  table: DerivedTable,
  closedDay: number,
): Promise<RoundOutcome> {
  const { store, lake } = options
  const lease = await takeLease(options, table)
  if (lease === undefined) return 'held elsewhere'
  const open = await store.openDerivation(table)
  if (open !== undefined) await finish(options, lease, await readable(options, open))

  const mark = await store.derivationMark(table)
  // Before any change is looked at: what is committed from here on belongs to the next round.
  let { commit: version } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
  let idAbove = await lake.lastPublish(table)
  for await (const units of changedUnits({ store, table, mark, closedDay, now: options.clock.now() })) {
    if (options.stop.aborted) return 'stopped'
    const derivation = await inTurn(options, table, lease, () =>
      store.beginDerivation(table, lease.name, lease.fence, { units, reads: options.reads, idAbove }),
    )
    await finish(options, lease, derivation)
    idAbove = derivation.id
    version = Math.min(version, derivation.through)
  }
  if (mark?.day === closedDay && mark.version >= version) return 'done'
  // Also back, where the clock was set back: units of days that are open again were not looked at for changes up to `version`,
  // so they are all made when their days are over once more.
  await store.setDerivationMark(table, lease.name, lease.fence, { version, day: closedDay })
  return 'done'
}

/**
 * One that was cut off, as it can still be computed. Committed files that its view names may be published meanwhile, and
 * gone: then it reads what is there now. That is right, too: whatever was committed after `through` makes its days be derived
 * again.
 */
async function readable({ store }: DeriveRoundOptions, open: Derivation): Promise<Derivation> {
  return open.view.pending.length === 0 ? open : { ...open, view: await store.tableView(open.view.table) }
}

async function finish(options: DeriveRoundOptions, lease: Lease, derivation: Derivation): Promise<void> {
  const { store, lake, clock } = options
  const { table, id, units, view, erased, generations } = derivation
  const started = clock.monotonic()
  const work = { table, id, generations, view, units, erased, rule: options.rule ?? visitsRule }
  const { snapshot, rows } = await inTurn(options, table, lease, (turn) => lake.derive(work, turn))
  await store.finishDerivation(table, lease.name, lease.fence, id, snapshot)
  options.onDerived?.({ table, id, units, rows, tookMs: clock.monotonic() - started })
}
