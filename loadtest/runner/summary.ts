/** k6's summary as the runner reads it: names of metrics are those of `lib/metrics.ts`, and k6's own. */

export interface Metric {
  readonly values: Readonly<Record<string, number>>
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>
}

export interface Summary {
  readonly metrics: Readonly<Record<string, Metric>>
}

/** @throws Error where it is none */
export function parseSummary(text: string): Summary {
  const parsed = JSON.parse(text) as Partial<Summary>
  if (typeof parsed.metrics !== 'object') throw new Error('k6 wrote a summary without metrics')
  return parsed as Summary
}

/** 0 where nothing was counted: k6 leaves such metrics out. */
export function counted({ metrics }: Summary, name: string): number {
  return metrics[name]?.values.count ?? 0
}

/** Undefined where there was nothing to take it of. */
export function statistic({ metrics }: Summary, name: string, of: string): number | undefined {
  return metrics[name]?.values[of]
}

/** Thresholds that were crossed, as `metric: expression`. */
export function crossed({ metrics }: Summary): readonly string[] {
  return Object.entries(metrics).flatMap(([name, { thresholds = {} }]) =>
    Object.entries(thresholds).flatMap(([expression, { ok }]) => (ok ? [] : [`${name}: ${expression}`])),
  )
}
