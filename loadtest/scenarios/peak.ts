/** The hour before Christmas: from 13,800 hits/s up to 41,400 at factor 1, held for half of the run, and down again. */

import { inStages, optionsOf, quickAcks } from '../lib/plan.ts'
import { baseHitsPerSecond, peakHitsPerSecond } from '../lib/scale.ts'

export { watch } from '../lib/asking.ts'
export { handleSummary, setup, teardown } from '../lib/life.ts'
export { send } from '../lib/sending.ts'

export const options = optionsOf(
  {
    send: inStages('send', baseHitsPerSecond, [
      { share: 0.3, hitsPerSecond: peakHitsPerSecond },
      { share: 0.5, hitsPerSecond: peakHitsPerSecond },
      { share: 0.2, hitsPerSecond: baseHitsPerSecond },
    ]),
  },
  quickAcks,
)
