/** A mean day: 13,800 hits/s at factor 1, steadily. */

import { optionsOf, quickAcks, steadily } from '../lib/plan.ts'
import { baseHitsPerSecond } from '../lib/scale.ts'

export { watch } from '../lib/asking.ts'
export { handleSummary, setup, teardown } from '../lib/life.ts'
export { send } from '../lib/sending.ts'

export const options = optionsOf({ send: steadily('send', baseHitsPerSecond) }, quickAcks)
