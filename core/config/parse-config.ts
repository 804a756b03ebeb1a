/** Reads the environment into a configuration, whole or not at all. */
import { PlatformError } from '../errors.ts'
import { clientVariables, type EmbeddedConfig, embeddedConfigSchema, embeddedVariables } from './embedded.ts'
import { nearestName } from './nearest-name.ts'

/** The environment's variables are not a configuration; `problems` names every one, a line each. */
export class ConfigError extends PlatformError {
  readonly code = 'CONFIG_INVALID'
  readonly retry = 'never'
  constructor(readonly problems: readonly string[]) {
    super(`the configuration is not right; mend and start again:\n${problems.map((each) => `  ${each}`).join('\n')}`)
  }
}

/**
 * The configuration that `env` holds, frozen. A variable set to the empty text counts as not set, because compose files
 * and CI write that for "none". A `HITLAKE_…` variable nobody reads is a problem too: it is a misspelt one.
 * @throws ConfigError that lists every problem
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): EmbeddedConfig {
  const known = Object.keys(embeddedVariables.shape)
  const clients: readonly string[] = clientVariables
  const set: Record<string, string> = {}
  const problems: string[] = []
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('HITLAKE_') || text === undefined || text === '' || clients.includes(name)) continue
    if (known.includes(name)) set[name] = text
    else problems.push(unknownVariable(name, known))
  }
  const parsed = embeddedConfigSchema.safeParse(set)
  if (parsed.success && problems.length === 0) return parsed.data
  for (const issue of parsed.error?.issues ?? []) problems.push(`${issue.path.join('.')} ${issue.message}`)
  throw new ConfigError(problems.sort())
}

function unknownVariable(name: string, known: readonly string[]): string {
  const meant = nearestName(name, known)
  return `${name} is not a variable of Hitlake${meant === undefined ? '' : `; did you mean ${meant}?`}`
}
