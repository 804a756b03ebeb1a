/** What processes have used, each with all below it, from /proc (Linux). */
import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = 100

/**
 * CPU seconds of a process and of all below it, those that ended counted with whoever waited for them. What ended and is
 * not waited for yet is missed.
 */
export function cpuSecondsOf(root: number): number {
  const stats = allStats()
  const total = (pid: number): number => {
    const stat = stats.get(pid)
    if (stat === undefined) return 0
    const children = [...stats].filter(([, { parent }]) => parent === pid)
    return children.reduce((sum, [child]) => sum + total(child), stat.ticks)
  }
  return total(root) / ticksPerSecond
}

/** Largest resident memory of the process so far, MB. */
export function peakMbOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1_024
}

function allStats(): ReadonlyMap<number, { readonly parent: number; readonly ticks: number }> {
  const found = new Map<number, { readonly parent: number; readonly ticks: number }>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8')
      // The name, in brackets, may hold anything.
      const [, parent, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ')
      // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), and `rest` begins at field 5.
      const ticks = rest.slice(9, 13).reduce((sum, each) => sum + Number(each), 0)
      found.set(Number(name), { parent: Number(parent), ticks })
    } catch {
      // It ended meanwhile.
    }
  }
  return found
}
