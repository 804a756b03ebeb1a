/**
 * Three bursts out of near silence, each at once: a newsletter, a broadcast, a sale that opens. 41,400 hits/s at factor 1
 * for a tenth of the run each, a tenth of the mean rate between them. Freshness may fall behind in a burst, and has to be
 * back before the next: its median is held to the limit, its p99 to four times that.
 */

import { limits } from '../lib/limits.ts'
import { inStages, optionsOf, quickAcks } from '../lib/plan.ts'
import { baseHitsPerSecond, peakHitsPerSecond } from '../lib/scale.ts'
import { load } from '../lib/settings.ts'

export { watch } from '../lib/asking.ts'
export { handleSummary, setup, teardown } from '../lib/life.ts'
export { send } from '../lib/sending.ts'

const quiet = baseHitsPerSecond / 10
const burst = [
  { share: 0, hitsPerSecond: peakHitsPerSecond },
  { share: 0.1, hitsPerSecond: peakHitsPerSecond },
  { share: 0, hitsPerSecond: quiet },
  { share: 0.2, hitsPerSecond: quiet },
]
const lag = limits.asOfLagP99Ms * load.slack

export const options = optionsOf(
  { send: inStages('send', quiet, [{ share: 0.1, hitsPerSecond: quiet }, ...burst, ...burst, ...burst]) },
  { ...quickAcks, as_of_lag_ms: [`med<${lag}`, `p(99)<${4 * lag}`] },
)
