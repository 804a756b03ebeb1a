/**
 * Puts the servers on this machine, from package registries only: Kafka and Trino from Maven Central, versitygw by
 * `go install`, PostgreSQL from the distribution. Each is kept in a folder named by its version and appears there
 * whole or not at all; what is there is not fetched again, and several processes may ask at once.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findJava } from './java.mjs'
import { withLock } from './lock-folder.mjs'

export const versions = {
  kafka: '4.1.1',
  // The last one published to Maven Central.
  trino: '476',
  versitygw: 'v1.8.0',
}
/** How long one fetch may take. Trino is 821 MB. */
export const installLimitMs = 15 * 60_000

const log4jVersion = '2.25.1'
const mavenDependencyPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
const trinoPlugins = new Set(['iceberg', 'memory', 'tpch'])
const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const run = promisify(execFile)

/** Where the servers are installed and, with `npm run cluster:up`, run. */
export function serversFolder() {
  return resolve(process.env.HITLAKE_SERVERS ?? join(repository, '.servers'))
}

/**
 * @typedef {import('./servers.d.mts').ServerName} ServerName
 * @typedef {import('./servers.d.mts').Installed} Installed
 */

/**
 * @param {{ only?: readonly ServerName[], cache?: string }} [options]
 * @returns {Promise<Installed>}
 * @throws {Error} naming what is missing on this machine, or what the installer said
 */
export async function installServers({ only = ['kafka', 'postgres', 's3', 'trino'], cache = serversFolder() } = {}) {
  const installers = { kafka: installKafka, postgres: findOrInstallPostgres, s3: installVersitygw, trino: installTrino }
  const folder = join(cache, 'installed')
  mkdirSync(folder, { recursive: true })
  const entries = await Promise.all(only.map(async (name) => [name, await installers[name](folder)]))
  return Object.fromEntries(entries)
}

/** @param {string} folder */
async function installKafka(folder) {
  const java = findJava(17, `Kafka ${versions.kafka}`)
  const home = await installOnce(folder, `kafka-${versions.kafka}`, async (target, scratch) => {
    const libraries = [
      ['org.apache.kafka', 'kafka_2.13', versions.kafka],
      ['org.apache.logging.log4j', 'log4j-slf4j-impl', log4jVersion],
      ['org.apache.logging.log4j', 'log4j-core', log4jVersion],
    ]
    const dependencies = libraries.map(
      ([group, artifact, version]) =>
        `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
    )
    const pom = join(scratch, 'pom.xml')
    writeFileSync(
      pom,
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>`,
    )
    const goal = `${mavenDependencyPlugin}:copy-dependencies`
    await maven(scratch, ['-f', pom, goal, `-DoutputDirectory=${join(target, 'lib')}`])
  })
  return { home, java }
}

/** @param {string} folder */
async function installTrino(folder) {
  const java = findJava(25, `Trino ${versions.trino}`)
  const home = await installOnce(folder, `trino-${versions.trino}`, async (target, scratch) => {
    const artifact = `io.trino:trino-server:${versions.trino}:tar.gz`
    await maven(scratch, [`${mavenDependencyPlugin}:get`, `-Dartifact=${artifact}`, '-Dtransitive=false'])
    const archive = `io/trino/trino-server/${versions.trino}/trino-server-${versions.trino}.tar.gz`
    // Whole, then thinned: plugins share jars by hard links, in whatever order the archive has them.
    await command('tar', ['-xzf', join(scratch, 'maven', archive), '--strip-components=1', '-C', target])
    for (const plugin of readdirSync(join(target, 'plugin'))) {
      if (!trinoPlugins.has(plugin)) rmSync(join(target, 'plugin', plugin), { recursive: true })
    }
  })
  return { home, java }
}

/** @param {string} folder */
async function installVersitygw(folder) {
  const module = `github.com/versity/versitygw/cmd/versitygw@${versions.versitygw}`
  const home = await installByGo(folder, `versitygw-${versions.versitygw}`, module)
  return { binary: join(home, 'versitygw') }
}

/**
 * @param {string} folder
 * @param {string} name of the folder in it that takes the binaries
 * @param {string} module with its version
 * @returns {Promise<string>} the path of that folder
 */
export async function installByGo(folder, name, module) {
  return await installOnce(folder, name, async (target) => {
    // Without what debuggers read: an eighth of the compiler's time.
    await command('go', ['install', '-gcflags=all=-dwarf=false', '-ldflags=-s -w', module], {
      GOBIN: target,
      GOFLAGS: '-trimpath',
    })
  })
}

/** @param {string} folder */
async function findOrInstallPostgres(folder) {
  const found = findPostgres()
  if (found) return found
  const packages = ['install', '-y', '--no-install-recommends', 'postgresql']
  if (process.getuid?.() !== 0) {
    throw new Error(`no PostgreSQL under /usr/lib/postgresql: as root run "apt-get ${packages.join(' ')}" once`)
  }
  return await withLock(join(folder, 'postgresql.lock'), async () => {
    const foundMeanwhile = findPostgres()
    if (foundMeanwhile) return foundMeanwhile
    await command('apt-get', ['update'])
    await command('apt-get', packages, { DEBIAN_FRONTEND: 'noninteractive' })
    const installed = findPostgres()
    if (installed) return installed
    throw new Error('apt-get installed postgresql, but there is no initdb under /usr/lib/postgresql/*/bin')
  })
}

/** The newest of the distribution's PostgreSQL versions. */
function findPostgres() {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return undefined
  const newestFirst = readdirSync(root).sort((a, b) => Number(b) - Number(a))
  const bins = newestFirst.map((version) => join(root, version, 'bin'))
  const bin = bins.find((each) => existsSync(join(each, 'initdb')) && existsSync(join(each, 'postgres')))
  return bin && { bin }
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {(target: string, scratch: string) => Promise<void>} fill fills the empty folder `target`; `scratch` is thrown away
 * @returns {Promise<string>} the installed folder
 */
async function installOnce(folder, name, fill) {
  const installed = join(folder, name)
  if (existsSync(installed)) return installed
  return await withLock(join(folder, `${name}.lock`), async () => {
    if (existsSync(installed)) return installed
    const scratch = mkdtempSync(join(folder, `${name}.partial-`))
    try {
      const target = join(scratch, 'target')
      mkdirSync(target)
      await fill(target, scratch)
      renameSync(target, installed)
    } catch (error) {
      // Another process took our lock for abandoned and was faster: its installation is as good.
      if (!existsSync(installed)) throw error
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
    return installed
  })
}

/**
 * Maven with a repository of its own: the user's is not safe for two Mavens at once and would keep 821 MB.
 * @param {string} scratch
 * @param {string[]} args
 */
async function maven(scratch, args) {
  await command('mvn', ['-q', '-B', '-ntp', `-Dmaven.repo.local=${join(scratch, 'maven')}`, ...args])
}

/**
 * @param {string} file
 * @param {string[]} args
 * @param {Record<string, string>} [env] added to ours
 */
async function command(file, args, env = {}) {
  try {
    await run(file, args, { env: { ...process.env, ...env }, timeout: installLimitMs, maxBuffer: 16 * 1024 * 1024 })
  } catch (error) {
    if (error.code === 'ENOENT')
      throw new Error(`${file} is not installed; it is needed to install what the suites run`)
    const said = `${error.stdout ?? ''}${error.stderr ?? ''}`.trim().split('\n').slice(-20).join('\n')
    throw new Error(`${file} ${args.join(' ')} failed (${error.signal ?? `exit ${error.code}`}):\n${said}`)
  }
}
