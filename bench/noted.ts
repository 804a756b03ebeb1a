/** A figure as somebody types it. */
import type { Figure } from './record.ts'

/** `all of it=23.5 min` → name, value, unit; the name may hold `=` too. Throws where it is none. */
export function noted(text: string): Figure {
  const [, name, number, unit] = /^(.+)=\s*(-?[\d.]+)\s+(\S.*)$/.exec(text) ?? []
  const value = Number(number)
  if (name === undefined || unit === undefined || !Number.isFinite(value)) {
    throw new Error(`'${text}' is no figure: write it as 'all of it=23.5 min'`)
  }
  return { name: name.trim(), value, unit }
}
