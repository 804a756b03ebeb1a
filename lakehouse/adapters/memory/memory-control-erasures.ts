/** Erasures of the memory control store. */
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import {
  type DroppedDay,
  type ErasedHits,
  type Erasure,
  type ErasureStore,
  openErasuresPerMerchantMax,
} from '../../../core/ports/erasure-store.ts'
import {
  byMerchantAndDay,
  checkDroppedDaysPage,
  checkErased,
  checkErasuresPage,
  checkFenced,
  checkTouchedDays,
  erasedByMerchant,
  type FencedErasure,
} from '../../core/control/erasures.ts'
import type { ControlState, KeptErasure } from './memory-control-state.ts'
import { raise } from './memory-control-versions.ts'

export function memoryErasures(
  current: () => ControlState,
  maxVersions: number,
): ErasureStore & Pick<ClusterStore, 'newestFenced'> {
  return {
    async eraseHits({ by, now, ...erased }) {
      checkErased(erased)
      const { erasures, merchants } = current()
      if (!merchants.has(erased.merchant)) return null
      const same = erasures.find((each) => isSame(each, erased))
      const others = openErasures(erasures, erased.merchant).filter((each) => each !== same)
      if (others.length >= openErasuresPerMerchantMax) return null
      const isFurther = same === undefined || erased.through > same.through
      const asked: KeptErasure = {
        ...erased,
        through: Math.max(erased.through, same?.through ?? 0),
        id: same?.id ?? erasures.length + 1,
        asking: isFurther ? newestAsking(erasures) + 1 : same.asking,
        state: 'asked',
        askedAt: now,
        movedAt: now,
        by,
        fenced: same?.fenced ?? 0,
      }
      erasures[asked.id - 1] = asked
      return toErasure(asked)
    },
    async erasure(id) {
      const found = current().erasures[id - 1]
      return found && toErasure(found)
    },
    async erasures({ merchant, state, after = 0, limit }) {
      checkErasuresPage(limit)
      return current()
        .erasures.filter((each) => each.id > after && (merchant === undefined || each.merchant === merchant))
        .filter((each) => state === undefined || isOpen(each))
        .slice(0, limit)
        .map(toErasure)
    },
    async erasedOf(merchants, state) {
      const wanted = new Set(merchants)
      return erasedByMerchant(
        current().erasures.filter((each) => wanted.has(each.merchant) && (state === undefined || isOpen(each))),
      )
    },
    async touchDays(merchant, days) {
      checkTouchedDays(days)
      if (days.length === 0) return
      const touched = days.map((day) => ({ merchant, day }))
      raise(current(), touched, ++current().commit, maxVersions)
    },
    async erasuresAsked() {
      return newestAsking(current().erasures)
    },
    async fenceErasures(fenced) {
      checkFenced(fenced)
      const { erasures } = current()
      const done = new Set<number>()
      for (const { id, through } of fenced) {
        const known = erasures[id - 1]
        if (known?.through !== through) continue
        erasures[id - 1] = { ...known, fenced: known.asking }
        done.add(id)
      }
      return done
    },
    async newestFenced() {
      return current().erasures.reduce((newest, { fenced }) => Math.max(newest, fenced), 0)
    },
    async droppedDays({ after, limit }) {
      checkDroppedDaysPage(limit)
      const isAfter = (each: PlaceOfDrop) => after === undefined || compareDrops(each, after) > 0
      return current().dropped.filter(isAfter).slice(0, limit)
    },
    async forgetDroppedDays(days) {
      if (days.length === 0) return
      checkDroppedDaysPage(days.length)
      const state = current()
      const keyOf = ({ epoch, merchant, day }: PlaceOfDrop) => `${epoch} ${day} ${merchant}`
      const forgotten = new Set(days.map(keyOf))
      state.dropped = state.dropped.filter((each) => !forgotten.has(keyOf(each)))
    },
    async moveErasure(id, { from, to, through, now }) {
      const { erasures } = current()
      const known = erasures[id - 1]
      if (known?.state !== from || known.through !== through) return false
      erasures[id - 1] = { ...known, state: to, movedAt: now }
      return true
    },
  }
}

/** Those of a merchant that are not `removed`, by id. */
export function openErasures(erasures: readonly Erasure[], merchant: string): readonly Erasure[] {
  return erasures.filter((each) => each.merchant === merchant && isOpen(each))
}

const isOpen = ({ state }: Erasure) => state !== 'removed'

/** Those that are fenced up to a later asking. */
export function fencedAfter({ erasures }: ControlState, asking: number | undefined): readonly FencedErasure[] {
  return asking === undefined ? [] : erasures.filter(({ fenced }) => fenced > asking)
}

function newestAsking(erasures: readonly Erasure[]): number {
  return erasures.reduce((newest, { asking }) => Math.max(newest, asking), 0)
}

function toErasure({ fenced: _, ...erasure }: KeptErasure): Erasure {
  return erasure
}

type PlaceOfDrop = Pick<DroppedDay, 'epoch' | 'merchant' | 'day'>

function compareDrops(a: PlaceOfDrop, b: PlaceOfDrop): number {
  return a.epoch - b.epoch || byMerchantAndDay(a, b)
}

function isSame(a: ErasedHits, b: ErasedHits): boolean {
  if (a.merchant !== b.merchant || a.subject.kind !== b.subject.kind) return false
  return a.subject.kind === 'merchant' || b.subject.kind === 'merchant' || a.subject.value === b.subject.value
}
