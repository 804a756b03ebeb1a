/** Derivations of the memory control store, and what they have to look at: changed days. */
import { PublicationOpenError } from '../../../core/errors.ts'
import { generationMap } from '../../../core/generations.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { DerivationStore } from '../../../core/ports/maintenance-store.ts'
import { baseOfDerived, type ChangedDay } from '../../../core/ports/maintenance-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { daysOf, limitsOf, merchantsOf, toDerivation, type Visible } from '../../core/control/derived-ranges.ts'
import { toErasedHits } from '../../core/control/erasures.ts'
import { newestChange, withChanges } from '../../core/control/generation-changes.ts'
import { checkChangedDaysPage, checkUnits } from '../../core/control/rules.ts'
import { byCodeUnit } from './memory-control-directory.ts'
import { openErasures } from './memory-control-erasures.ts'
import { requireLease } from './memory-control-publications.ts'
import { type ControlState, emptyDerived, type TableState, tableOf } from './memory-control-state.ts'

export function memoryDerivations(
  current: () => ControlState,
  visible: Visible,
): DerivationStore & Pick<ClusterStore, 'forgetDerivations'> {
  return {
    async changedDays({ afterVersion, firstDay, lastDay, after, limit }) {
      checkChangedDaysPage(limit)
      return changedDays(current())
        .filter(({ day, version }) => day >= firstDay && day <= lastDay && version > afterVersion)
        .filter((each) => after === undefined || inOrder(after, each) < 0)
        .sort(inOrder)
        .slice(0, limit)
    },
    async derivationMark(table) {
      return current().derived[table].mark
    },
    async setDerivationMark(table, lease, fence, { version, day }) {
      requireLease(current(), lease, fence)
      current().derived[table].mark = { version, day }
    },
    async beginDerivation(table, lease, fence, { units, reads, idAbove }) {
      checkUnits(table, units)
      const state = current()
      requireLease(state, lease, fence)
      requireNoneOpen(state, table)
      const base = tableOf(state, baseOfDerived[table])
      const view = { table: baseOfDerived[table], snapshot: base.snapshot }
      const reading = { newest: state.commit, oldestUnpublished: oldestUnpublished(state, base) }
      state.derived[table].open = {
        table,
        id: Math.max(tableOf(state, table).lastPublication, idAbove) + 1,
        units: [...units],
        view: { ...view, pending: reads === 'pending' ? [...base.pending] : [] },
        generations: generationMap(state.reruns.changes),
        erased: merchantsOf(units).flatMap((merchant) => openErasures(state.erasures, merchant).map(toErasedHits)),
        ...limitsOf(reading, reads, visible),
      }
      return toDerivation(state.derived[table].open)
    },
    async openDerivation(table) {
      const { open } = current().derived[table]
      return open === null ? undefined : toDerivation(open)
    },
    async finishDerivation(table, lease, fence, id, snapshot) {
      requireLease(current(), lease, fence)
      const of = tableOf(current(), table)
      if (id <= of.lastPublication) return // a repeat: the first call has done it
      const derived = current().derived[table]
      if (derived.open?.id !== id) throw new RangeError(`derivation ${id} of ${table} was never begun`)
      for (const { merchant, start, end } of derived.open.units) {
        const others = (derived.ranges.get(merchant) ?? []).filter((each) => each.end <= start || each.start >= end)
        const range = { start, end, publish: id, rightUntil: derived.open.rightUntil }
        derived.ranges.set(merchant, [...others, range])
      }
      of.snapshot = snapshot ?? of.snapshot
      of.lastPublication = id
      derived.open = null
    },
    async derivedRanges({ table, merchant, from, to, reach }) {
      const state = current()
      const changes = [...state.days.values()].filter((change) => change.merchant === merchant)
      return (state.derived[table].ranges.get(merchant) ?? [])
        .filter((range) => range.start >= from && range.end <= to)
        .filter((range) => {
          const { first, last } = daysOf(range, reach)
          const ofMap = newestChange(state.reruns.changes, baseOfDerived[table], { merchant, first, last })
          return (
            ofMap <= range.rightUntil &&
            !changes.some(({ day, version }) => day >= first && day <= last && version > range.rightUntil)
          )
        })
        .sort((a, b) => a.start - b.start)
        .map(({ start, end, publish }) => ({ start, end, publish }))
    },
    async forgetDerivations() {
      current().derived = { daily: emptyDerived(), sessions: emptyDerived() }
    },
  }
}

/** @throws PublicationOpenError */
export function requireNoneOpen(state: ControlState, table: TableName): void {
  const derivation = table === 'daily' || table === 'sessions' ? state.derived[table].open : null
  const open = tableOf(state, table).open ?? derivation
  if (open !== null) throw new PublicationOpenError(table, open.id)
}

/** Of what is visible, and of what is committed and not yet visible, the newest of each. */
function changedDays(state: ControlState): readonly ChangedDay[] {
  const found = new Map<string, ChangedDay>(state.days)
  for (const [version, { touched }] of state.epochs) {
    for (const { merchant, day } of touched) {
      const known = found.get(`${day} ${merchant}`)?.version ?? 0
      found.set(`${day} ${merchant}`, { merchant, day, version: Math.max(known, version) })
    }
  }
  return [...found.values()].map((day) => withChanges(day, state.reruns.changes))
}

function oldestUnpublished(state: ControlState, { pending }: TableState): number | null {
  const names = new Set(pending.map(({ name }) => name))
  const commits = [...state.epochs].filter(([, { files }]) => [...files].some((name) => names.has(name)))
  return commits.length === 0 ? null : Math.min(...commits.map(([commit]) => commit))
}

type Place = { readonly day: number; readonly merchant: string }
const inOrder = (a: Place, b: Place) => a.day - b.day || byCodeUnit(a.merchant, b.merchant)
