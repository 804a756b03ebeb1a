/** Finds the Java runtimes of this machine: Kafka and Trino need different ones, whatever `java` on the path is. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/**
 * The oldest runtime that is new enough: the nearest to what the server was tested with.
 * @param {number} minimum major version
 * @param {string} whose named in the error
 * @returns {string} path of its `java`
 */
export function findJava(minimum, whose) {
  const found = candidates()
    .map((java) => ({ java, major: majorVersion(java) }))
    .filter(({ major }) => major !== undefined)
    .sort((a, b) => a.major - b.major)
  const fitting = found.find(({ major }) => major >= minimum)
  if (fitting) return fitting.java
  const seen = found.map(({ java, major }) => `${major} (${java})`).join(', ') || 'none'
  throw new Error(
    `${whose} needs Java ${minimum} or newer; found: ${seen}. Install one beside it (a package like openjdk-${minimum}-jre-headless or temurin-${minimum}-jdk) or point JAVA_HOME to it`,
  )
}

/** Every `java` in the usual places, each once, links followed. */
function candidates() {
  // JAVA_HOME, and JAVA_HOME_25_X64 and the like of hosted CI machines.
  const named = Object.entries(process.env).filter(([name]) => name.startsWith('JAVA_HOME'))
  const homes = named.map(([, home]) => home ?? '')
  for (const folder of ['/usr/lib/jvm', '/opt', join(homedir(), '.sdkman/candidates/java')]) {
    if (existsSync(folder)) homes.push(...readdirSync(folder).map((name) => join(folder, name)))
  }
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'java'))
  const files = [...homes.map((home) => join(home, 'bin', 'java')), ...onPath]
  return [...new Set(files.filter((file) => existsSync(file)).map((file) => realpathSync(file)))]
}

/**
 * @param {string} java
 * @returns {number | undefined} 17 for 17.0.15, 8 for 1.8.0
 */
function majorVersion(java) {
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8', timeout: 30_000 })
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(stderr ?? '') ?? []
  if (first === undefined) return undefined
  return first === '1' ? Number(second) : Number(first)
}
