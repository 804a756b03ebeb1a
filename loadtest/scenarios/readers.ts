/**
 * Dashboards: 1,000 time series a second at factor 1, while a tenth of the mean rate of hits makes today's numbers change.
 * Two thirds ask for days, a third for hours; browsers ask again with the ETag they have.
 */

import { limits } from '../lib/limits.ts'
import { optionsOf, quickAcks, steadily } from '../lib/plan.ts'
import { baseHitsPerSecond, readsPerSecond } from '../lib/scale.ts'
import { load } from '../lib/settings.ts'

export { read, watch } from '../lib/asking.ts'
export { handleSummary, setup, teardown } from '../lib/life.ts'
export { send } from '../lib/sending.ts'

export const options = optionsOf(
  {
    send: steadily('send', baseHitsPerSecond / 10),
    read: steadily('read', readsPerSecond, 1),
  },
  { ...quickAcks, read_ms: [`p(99)<${limits.readP99Ms * load.slack}`] },
)
