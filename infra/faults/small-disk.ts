/**
 * A file system of a few megabytes for a test that fills it, and one whose device fails: both real, by the kernel, which
 * needs root, loop devices and ext4. Where this machine does not allow it, the answer says why instead.
 */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SmallDisk {
  /** A folder on it, empty. */
  readonly folder: string
  /** Bytes anybody may still write. */
  free(): number
  /** Takes all but so many bytes; again, what has become free since. */
  fill(leaveBytes: number): void
  /** Gives back what `fill` took. */
  empty(): void
  remove(): void
}

export interface ThinDisk {
  /** From now on what goes to blocks never written before fails at its sync, and the kernel forgets what it held of it. */
  fail(): void
  mend(): void
  remove(): void
}

export type Unavailable = { readonly unavailable: string }

/** ext4 in a file, by a loop device. */
export function mountSmallDisk(bytes: number): SmallDisk | Unavailable {
  const place = mkdtempSync(join(tmpdir(), 'hitlake-disk-'))
  const image = join(place, 'image')
  const folder = join(place, 'disk')
  const ballast = join(folder, 'ballast')
  mkdirSync(folder)
  writeFileSync(image, '')
  truncateSync(image, bytes)
  try {
    run('mkfs.ext4', '-q', '-m', '0', image)
    run('mount', '-o', 'loop', image, folder)
  } catch (error) {
    rmSync(place, { recursive: true, force: true })
    return { unavailable: `no file system of ${bytes} bytes can be mounted here (${(error as Error).message})` }
  }
  rmdirSync(join(folder, 'lost+found'))
  const free = () => freeOf(folder)
  return {
    folder,
    free,
    fill: (leaveBytes) => writeUntilFull(ballast, leaveBytes),
    empty: () => rmSync(ballast, { force: true }),
    remove() {
      run('umount', '--lazy', folder)
      rmSync(place, { recursive: true, force: true })
    },
  }
}

/**
 * ext4 in the empty folder `at` that believes in `bytes`, in a file that has room for half of them, as a thin volume in a pool
 * that may run out. Without a journal, and going on after errors: else the first of its own metadata would end it for good.
 */
export function mountThinDisk(at: string, bytes: number): ThinDisk | Unavailable {
  const place = mkdtempSync(join(tmpdir(), 'hitlake-thin-'))
  const pool = join(place, 'pool')
  const image = join(pool, 'image')
  const ballast = join(pool, 'ballast')
  mkdirSync(pool)
  let hasPool = false
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${bytes / 2}`, 'hitlake-test', pool)
    hasPool = true
    writeFileSync(image, '')
    truncateSync(image, bytes)
    run('mkfs.ext4', '-q', '-m', '0', '-O', '^has_journal', '-b', '4096', '-E', 'lazy_itable_init=0,nodiscard', image)
    run('mount', '-o', 'loop,errors=continue', image, at)
  } catch (error) {
    if (hasPool) run('umount', '--lazy', pool)
    rmSync(place, { recursive: true, force: true })
    return { unavailable: `no thin file system can be mounted here (${(error as Error).message})` }
  }
  rmdirSync(join(at, 'lost+found'))
  return {
    fail() {
      const length = freeOf(pool)
      if (length > 0) run('fallocate', '-l', String(length), ballast)
    },
    mend: () => rmSync(ballast, { force: true }),
    remove() {
      rmSync(ballast, { force: true })
      run('umount', '--lazy', at)
      run('umount', '--lazy', pool)
      rmSync(place, { recursive: true, force: true })
    },
  }
}

function freeOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** Whoever else writes meanwhile has a part of what is left. */
function writeUntilFull(file: string, leaveBytes: number): void {
  const piece = Buffer.alloc(256 * 1_024)
  const descriptor = openSync(file, 'a')
  try {
    for (;;) writeSync(descriptor, piece)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    ftruncateSync(descriptor, Math.max(0, fstatSync(descriptor).size - leaveBytes))
    closeSync(descriptor)
  }
}

/** @throws Error with what the command said */
function run(command: string, ...args: readonly string[]): void {
  try {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 })
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? '').trim()
    throw new Error(`${command}: ${said || (error as Error).message}`)
  }
}
