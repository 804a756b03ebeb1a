/** Pins of the memory control store. */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { decidePin, unpinned } from '../../core/control/pins.ts'
import { requireNoneOpen } from './memory-control-derivations.ts'
import { byCodeUnit } from './memory-control-directory.ts'
import { requireLease } from './memory-control-publications.ts'
import { type ControlState, tableOf } from './memory-control-state.ts'

type Pins = Pick<ControlStore, 'pinSnapshot' | 'unpinSnapshot' | 'pins' | 'condemnSnapshots'>

export function memoryPins(current: () => ControlState): Pins {
  return {
    async pinSnapshot(pin) {
      const of = tableOf(current(), pin.table)
      const outcome = decidePin(pin, [...of.pins.values()], of.condemned)
      if (outcome === 'pinned') of.pins.set(pin.name, { ...pin })
      return outcome
    },
    async unpinSnapshot(table, name) {
      return tableOf(current(), table).pins.delete(name)
    },
    async pins(table) {
      return [...tableOf(current(), table).pins.values()].sort((a, b) => byCodeUnit(a.name, b.name))
    },
    async condemnSnapshots(table, lease, fence, { snapshots, now }) {
      requireLease(current(), lease, fence)
      requireNoneOpen(current(), table)
      const of = tableOf(current(), table)
      for (const { name, until } of of.pins.values()) if (until <= now) of.pins.delete(name)
      of.condemned = unpinned(snapshots, [...of.pins.values()])
      return of.condemned
    },
  }
}
