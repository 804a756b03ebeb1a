/**
 * Phones in a tunnel beside those with a good line: half of the mean rate comes as always, a twenty-fifth of it over a line
 * on which a body takes some five seconds (`runner/slow-line.ts`), so that at factor 1 some 140 connections are open with
 * half a body each. The slow ones must be served, and the others must not feel them.
 */

import { limits } from '../lib/limits.ts'
import { optionsOf, quickAcks, steadily } from '../lib/plan.ts'
import { baseHitsPerSecond } from '../lib/scale.ts'
import { load } from '../lib/settings.ts'

export { watch } from '../lib/asking.ts'
export { handleSummary, setup, teardown } from '../lib/life.ts'
export { send, sendSlowly } from '../lib/sending.ts'

export const options = optionsOf(
  {
    send: steadily('send', baseHitsPerSecond / 2),
    slow: steadily('sendSlowly', baseHitsPerSecond / 25),
  },
  // Above what the line takes by itself, below the 15 s after which a server gives a body up.
  { ...quickAcks, slow_ack_ms: [`p(99)<${10_000 + limits.ackP99Ms * load.slack}`] },
)
