/** What a start prints once it answers: where it is, where the keys are, and two commands to paste. */
import type { FirstKeys } from './first-start.ts'

export interface GreetingFacts {
  /** The address it answers at: `http://127.0.0.1:8080`. */
  readonly url: string
  readonly dataDir: string
  readonly keys: FirstKeys
}

/**
 * The lines. The commands carry the demo merchant's own keys, so that pasting is enough in any shell: they open nothing
 * but the demo. The admin key is never printed.
 */
export function greeting({ url, dataDir, keys }: GreetingFacts): readonly string[] {
  const hit = '{"name":"page_view","visitor":"me","url":"https://demo.example/"}'
  return [
    `Hitlake is ready at ${url}`,
    `  data   ${dataDir}`,
    `  keys   ${keys.file}${keys.adminKey === undefined ? ' (the admin key is the one you set)' : ''}`,
    `  state  ${url}/readyz  ${url}/metrics`,
    `  docs   ${url}/docs`,
    '',
    'Send a hit:',
    `  curl -s ${url}/v1/hits -H 'Authorization: Bearer ${keys.writeKey}' -H 'Content-Type: application/json' -d '${hit}'`,
    '',
    'Read it back, a few seconds later:',
    `  curl -s '${url}/v1/merchants/${keys.merchant}/timeseries?interval=hour&metrics=hits,pageviews,visitors' -H 'Authorization: Bearer ${keys.readKey}'`,
    '',
    'Something to look at: npx hitlake seed, then npx hitlake query --by source',
    'Ctrl-C stops it: what was accepted is kept and published first.',
  ]
}
