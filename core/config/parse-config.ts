/** Reads the environment into a configuration, whole or not at all. */
import { PlatformError } from '../errors.ts'
import { type ClusterConfig, clusterConfigSchema, clusterVariables } from './cluster.ts'
import { type EmbeddedConfig, embeddedConfigSchema, embeddedVariables } from './embedded.ts'
import { nearestName } from './nearest-name.ts'

/** Known here because people export them for the CLI; a server does not read them. */
export const clientVariables: readonly string[] = ['HITLAKE_URL']

export type Config = EmbeddedConfig | ClusterConfig

/** The environment's variables are not a configuration; `problems` names every one, a line each. */
export class ConfigError extends PlatformError {
  readonly code = 'CONFIG_INVALID'
  readonly retry = 'never'
  constructor(readonly problems: readonly string[]) {
    super(`the configuration is not right; mend and start again:\n${problems.map((each) => `  ${each}`).join('\n')}`)
  }
}

const modes = {
  embedded: { schema: embeddedConfigSchema, names: Object.keys(embeddedVariables.shape) },
  cluster: { schema: clusterConfigSchema, names: Object.keys(clusterVariables.shape) },
} as const
type Mode = keyof typeof modes

/**
 * The configuration that `env` holds, frozen. A variable set to the empty text counts as not set, because compose files
 * and CI write that for "none". A `HITLAKE_…` variable nobody reads is a problem too: it is a misspelt one, or one of the
 * other mode.
 * @throws ConfigError that lists every problem
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const { HITLAKE_MODE: modeSet = '' } = env
  const mode = modeSet === '' ? 'embedded' : modeSet
  if (!isMode(mode)) throw new ConfigError([`HITLAKE_MODE must be one of embedded, cluster, not "${mode}"`])
  const { schema, names } = modes[mode]
  const set: Record<string, string> = {}
  const problems: string[] = []
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('HITLAKE_') || text === undefined || text === '' || clientVariables.includes(name)) continue
    if (names.includes(name)) set[name] = text
    else problems.push(unreadVariable(name, mode))
  }
  const parsed = schema.safeParse(set)
  if (parsed.success && problems.length === 0) return parsed.data
  for (const issue of parsed.error?.issues ?? []) problems.push(`${issue.path.join('.')} ${issue.message}`)
  throw new ConfigError(problems.sort())
}

function isMode(text: string): text is Mode {
  return Object.hasOwn(modes, text)
}

function unreadVariable(name: string, mode: Mode): string {
  const other = mode === 'embedded' ? 'cluster' : 'embedded'
  if (modes[other].names.includes(name)) return `${name} is read in ${other} mode only; HITLAKE_MODE is ${mode}`
  const meant = nearestName(name, modes[mode].names)
  return `${name} is not a variable of Hitlake${meant === undefined ? '' : `; did you mean ${meant}?`}`
}
