/** The mean day by WebSocket: 13,800 hits/s at factor 1 over 40 connections, 20 hits a frame unless told otherwise. */

import { connections, lastAnswerMs } from '../lib/framing.ts'
import { optionsOf, quickAcks } from '../lib/plan.ts'
import { load } from '../lib/settings.ts'

export { watch } from '../lib/asking.ts'
export { stream } from '../lib/framing.ts'
export { handleSummary, setup, teardown } from '../lib/life.ts'

export const options = optionsOf(
  {
    stream: {
      executor: 'per-vu-iterations',
      exec: 'stream',
      vus: connections,
      iterations: 1,
      maxDuration: `${load.seconds + lastAnswerMs / 1_000 + 10}s`,
    },
  },
  quickAcks,
)
