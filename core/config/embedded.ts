/** The configuration of the embedded process: everything in one. docs/reference/config.md is made from it. */
import { z } from 'zod'
import { sharedConfig, sharedVariables } from './shared.ts'
import { byteSize, duration, word } from './variables.ts'

/** The variables by their names in the environment. */
export const embeddedVariables = z.strictObject({
  ...sharedVariables,
  HITLAKE_MODE: word('embedded', ['embedded']).describe(
    'How the parts run: `embedded` is all of them in one process, `cluster` is roles of their own over servers.',
  ),
  HITLAKE_EPOCH: duration('2s', '50ms', '10m').describe(
    'How often committed results appear: the longest an epoch takes in hits before it commits.',
  ),
  HITLAKE_PUBLISH_EVERY: duration('60s', '100ms', '24h').describe(
    'How often committed rows are published as Iceberg snapshots. Queries here see them before.',
  ),
  HITLAKE_STATE_MAX_BYTES: byteSize('256 MB', '16 MB').describe(
    "Most memory of a job's state (dedupe); at it the worker stops reading and forgets nothing.",
  ),
})

/** From the environment's variables to what the process is built of, with units in the names. */
export const embeddedConfigSchema = embeddedVariables.transform((set) =>
  Object.freeze({
    ...sharedConfig(set),
    mode: set.HITLAKE_MODE,
    epochMs: set.HITLAKE_EPOCH,
    publishEveryMs: set.HITLAKE_PUBLISH_EVERY,
    stateMaxBytes: set.HITLAKE_STATE_MAX_BYTES,
  }),
)

export type EmbeddedConfig = Readonly<z.output<typeof embeddedConfigSchema>>
