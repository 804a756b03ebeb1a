/** A rerun that answers, or did and was rolled back, costs both plans until it is released or cancelled: people are reminded. */
import { dayMs } from './event-time.ts'
import type { Rerun } from './ports/rerun-store.ts'

/** From then on. */
export const rerunReminderMs = 7 * dayMs

/** Days since it first answered, while both plans run; null: not long enough to speak of, or not both. */
export function daysOfBoth({ state, events }: Pick<Rerun, 'state' | 'events'>, now: number): number | null {
  if (state !== 'promoted' && state !== 'rolled_back') return null
  const first = events.find((event) => event.state === 'promoted')
  const ms = first === undefined ? 0 : now - first.at
  return ms < rerunReminderMs ? null : Math.floor(ms / dayMs)
}
