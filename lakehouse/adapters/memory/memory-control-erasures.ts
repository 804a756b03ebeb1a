/** Erasures of the memory control store. */
import {
  type ErasedHits,
  type Erasure,
  type ErasureStore,
  openErasuresPerMerchantMax,
} from '../../../core/ports/erasure-store.ts'
import { checkErased, checkErasuresPage, checkTouchedDays, erasedByMerchant } from '../../core/control/erasures.ts'
import type { ControlState } from './memory-control-state.ts'
import { raise } from './memory-control-versions.ts'

export function memoryErasures(current: () => ControlState, maxVersions: number): ErasureStore {
  return {
    async eraseHits({ by, now, ...erased }) {
      checkErased(erased)
      const { erasures, merchants } = current()
      if (!merchants.has(erased.merchant)) return null
      const same = erasures.find((each) => isSame(each, erased))
      const others = openErasures(erasures, erased.merchant).filter((each) => each !== same)
      if (others.length >= openErasuresPerMerchantMax) return null
      const asked: Erasure = {
        ...erased,
        through: Math.max(erased.through, same?.through ?? 0),
        id: same?.id ?? erasures.length + 1,
        state: 'asked',
        askedAt: now,
        movedAt: now,
        by,
      }
      erasures[asked.id - 1] = asked
      return asked
    },
    async erasure(id) {
      return current().erasures[id - 1]
    },
    async erasures({ merchant, state, after = 0, limit }) {
      checkErasuresPage(limit)
      return current()
        .erasures.filter((each) => each.id > after && (merchant === undefined || each.merchant === merchant))
        .filter((each) => state === undefined || isOpen(each))
        .slice(0, limit)
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

function isSame(a: ErasedHits, b: ErasedHits): boolean {
  if (a.merchant !== b.merchant || a.subject.kind !== b.subject.kind) return false
  return a.subject.kind === 'merchant' || b.subject.kind === 'merchant' || a.subject.value === b.subject.value
}
