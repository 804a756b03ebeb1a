/**
 * Sites and apps that merchants know by a name and a medium, and the parameters by which advertisers mark a click: the
 * data set `sources` of the pipeline `hits`. Kept by hand from what these sites send; a change of the file is a new
 * `version`, which the plan and every row name (a test fails where one changed without the other).
 *
 * Of an entry: `sites` are hosts (`www.` and `m.` aside), `domains` hosts and everything beneath them, `apps` hosts of
 * `android-app://`. `name.*` is the name under any country's ending: `.com`, `.de`, `.co.uk`, `.com.br`.
 */
import data from './sources.v1.json' with { type: 'json' }

export interface KnownSource {
  /** Lower case. */
  readonly source: string
  readonly medium: 'organic' | 'social' | 'email'
}

export interface SourceEntry extends KnownSource {
  readonly sites?: readonly string[]
  readonly domains?: readonly string[]
  readonly apps?: readonly string[]
}

export interface ClickId {
  readonly parameter: string
  readonly source: string
  readonly medium: string
  /** Links that carry Facebook's id stand on Instagram too, so a referrer that is known says more. */
  readonly before: 'every referrer' | 'unknown referrers'
}

export interface SourceData {
  readonly version: string
  readonly sources: readonly SourceEntry[]
  readonly clickIds: readonly ClickId[]
}

export const sourceData = data as SourceData
