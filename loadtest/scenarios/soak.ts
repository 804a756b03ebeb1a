/**
 * 70 % of the mean rate for long: 9,660 hits/s at factor 1, ten minutes unless told otherwise, beside a few who read.
 * Memory and files over half an hour are `bench/soak.ts`, which looks into the process.
 */

import { optionsOf, quickAcks, steadily } from '../lib/plan.ts'
import { baseHitsPerSecond, readsPerSecond } from '../lib/scale.ts'

export { read, watch } from '../lib/asking.ts'
export { handleSummary, setup, teardown } from '../lib/life.ts'
export { send } from '../lib/sending.ts'

export const options = optionsOf(
  {
    send: steadily('send', 0.7 * baseHitsPerSecond),
    read: steadily('read', readsPerSecond / 100, 1),
  },
  quickAcks,
)
