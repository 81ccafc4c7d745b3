/** scripts/backports.sh on sample apt sources, and scripts/setup.sh where it must stop and say why. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const folders: string[] = [];
afterAll(() => {
  for (const f of folders) rmSync(f, { recursive: true });
});

/** A new folder holding these files. */
function folder(files: Record<string, string>): string {
  const made = mkdtempSync(join(tmpdir(), 'lacuna-setup-'));
  folders.push(made);
  for (const [name, text] of Object.entries(files)) {
    const path = join(made, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return made;
}

describe('backports.sh', () => {
  const derive = (files: Record<string, string>, codename = 'bookworm') => {
    const { status, stdout, stderr } = spawnSync('bash', ['scripts/backports.sh', codename, folder(files)], {
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };

  test('deb822: mirror and key are kept, suite and components changed, the security stanza passed over', () => {
    const debian = `# A comment
Types: deb
URIs: http://security.example.test/debian-security
Suites: bookworm-security
Components: main

Types: deb deb-src
# Another
URIs: http://mirror.example.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;
    expect(derive({ 'sources.list.d/debian.sources': debian })).toEqual({
      status: 0,
      stderr: '',
      stdout: `sources
Types: deb
URIs: http://mirror.example.test/debian
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`,
    });
  });

  test('deb822: options and a key written out over several lines are kept; a disabled stanza is not taken', () => {
    const sources = `Enabled: no
Types: deb
URIs: http://off.example.test/debian
Suites: bookworm
Components: main

Types: deb
URIs: mirror+file:/etc/apt/mirrors/debian.list
Suites:
 bookworm
 bookworm-updates
Components: main
Check-Valid-Until: no
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
`;
    expect(derive({ 'sources.list.d/a.sources': sources }).stdout).toBe(`sources
Types: deb
URIs: mirror+file:/etc/apt/mirrors/debian.list
Suites: bookworm-backports
Components: main
Check-Valid-Until: no
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
`);
  });

  test('deb822: two files do not run into each other', () => {
    const one = 'Types: deb\nURIs: http://vendor.example.test/apt\nSuites: stable\nComponents: main';
    const two = 'Types: deb\nURIs: http://mirror.example.test/debian\nSuites: bookworm\nComponents: main';
    expect(derive({ 'sources.list.d/a.sources': one, 'sources.list.d/b.sources': two }).stdout).toBe(
      'sources\nTypes: deb\nURIs: http://mirror.example.test/debian\nSuites: bookworm-backports\nComponents: main\n',
    );
  });

  test('one line: options and mirror are kept, sources and comments passed over', () => {
    const list = `# deb http://old.example.test/debian bookworm main
deb-src http://mirror.example.test/debian bookworm main
deb http://security.example.test/debian-security bookworm-security main
deb [arch=amd64 signed-by=/usr/share/keyrings/key.gpg] http://mirror.example.test/debian bookworm main contrib # the mirror
`;
    expect(derive({ 'sources.list': list }).stdout).toBe(
      'list\ndeb [arch=amd64 signed-by=/usr/share/keyrings/key.gpg] http://mirror.example.test/debian bookworm-backports main\n',
    );
  });

  test('one line without options, tabs, in sources.list.d', () => {
    const list = 'deb\thttp://mirror.example.test/debian/\tbookworm\tmain non-free-firmware\n';
    expect(derive({ 'sources.list.d/debian.list': list }).stdout).toBe(
      'list\ndeb http://mirror.example.test/debian/ bookworm-backports main\n',
    );
  });

  test('a deb822 file without the release does not hide a list with it', () => {
    const vendor = 'Types: deb\nURIs: http://vendor.example.test/apt\nSuites: nodistro\nComponents: main\n';
    const list = 'deb http://mirror.example.test/debian bookworm main\n';
    expect(derive({ 'sources.list.d/vendor.sources': vendor, 'sources.list': list }).stdout).toBe(
      'list\ndeb http://mirror.example.test/debian bookworm-backports main\n',
    );
  });

  test('without a source of the release: no output, one line, exit code 1', () => {
    const other: Record<string, string> = { 'sources.list': 'deb http://mirror.example.test/debian trixie main\n' };
    for (const files of [other, {}]) {
      const { status, stdout, stderr } = derive(files);
      expect(status).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^no apt source under .* has the suite bookworm\n$/);
    }
  });
});

describe('setup.sh', () => {
  /** Runs it in a copy, with these programs in front of the machine's own. */
  const run = (programs: Record<string, string>, args: string[]) => {
    const root = folder({ 'package-lock.json': '{}' });
    cpSync('scripts', join(root, 'scripts'), { recursive: true });
    const bin = join(root, 'bin');
    mkdirSync(bin);
    for (const [name, body] of Object.entries(programs)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
      chmodSync(join(bin, name), 0o755);
    }
    return spawnSync('bash', [join(root, 'scripts/setup.sh'), ...args], {
      encoding: 'utf8',
      input: '',
      env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: root },
    });
  };

  /** A Node.js of this version that finds no adapter. */
  const node = (version: string, newEnough: boolean) => `case "$1" in
  -p) echo ${version} ;;
  scripts/probe.mjs) exit 1 ;;
  -e) case "$2" in *process.versions*) exit ${newEnough ? 0 : 1} ;; esac ;;
esac`;

  test('an old Node.js is named with the way out', () => {
    const { status, stderr } = run({ node: node('18.19.0', false) }, []);
    expect(status).toBe(1);
    expect(stderr).toBe(
      'setup: Node.js 18.19.0 is too old, 20.19 or newer is needed: https://nodejs.org/en/download, then run this again\n',
    );
  });

  test('without a driver and without root it says what root must run, and installs nothing', () => {
    const programs = {
      node: node('20.19.0', true),
      npm: 'mkdir -p node_modules',
      id: 'echo 1000',
      sudo: 'exit 1',
      'apt-get': 'touch "$HOME/apt-was-called"',
    };
    const { status, stdout, stderr } = run(programs, ['--drivers']);
    expect(status).toBe(1);
    expect(stdout).toContain('packages     installing with npm ci');
    expect(stderr).toMatch(
      /^setup: a Vulkan driver .* only root can install it: run once as root `bash scripts\/setup\.sh --drivers`/,
    );
    expect(spawnSync('ls', [folders.at(-1)!], { encoding: 'utf8' }).stdout).not.toContain('apt-was-called');
  });

  test('a command that fails shows its output and its name', () => {
    const { status, stderr } = run({ node: node('22.1.0', true), npm: 'echo the registry is down >&2; exit 1' }, []);
    expect(status).toBe(1);
    expect(stderr).toBe('the registry is down\nsetup: failed: npm ci --ignore-scripts --no-audit --no-fund\n');
  });

  test('an unknown option is refused', () => {
    const { status, stderr } = run({}, ['--tests']);
    expect(status).toBe(2);
    expect(stderr).toBe('setup: unknown option --tests\n');
  });
});
