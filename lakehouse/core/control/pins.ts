/** What all control stores decide alike about pins. */
import { type PinOutcome, pinsPerTableMax, type SnapshotPin } from '../../../core/ports/maintenance-store.ts'

/** @param pins those of the table */
export function decidePin(pin: SnapshotPin, pins: readonly SnapshotPin[], condemned: readonly string[]): PinOutcome {
  if (condemned.includes(pin.snapshot)) return 'expiring'
  const same = pins.find(({ name }) => name === pin.name)
  if (same !== undefined) return same.snapshot === pin.snapshot ? 'pinned' : 'name taken'
  return pins.length >= pinsPerTableMax ? 'too many' : 'pinned'
}

/** Of `snapshots`, those that no pin holds. */
export function unpinned(snapshots: readonly string[], pins: readonly SnapshotPin[]): readonly string[] {
  const held = new Set(pins.map(({ snapshot }) => snapshot))
  return snapshots.filter((snapshot) => !held.has(snapshot))
}
