// What makes a tree a Debian package: control file, configuration, maintainer scripts, unit, command, copyright, changelog, lintian overrides.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { home } from './stage.mjs';

const maintainer = 'Whetstone <whetstone@users.noreply.github.com>';

export function writeControl(root, tree, { arch, version, epoch, installedBytes, licences }) {
  const write = (path, text, mode = 0o644) => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text, { mode });
  };
  const installed = (file) => readFileSync(join(root, 'systemd', file), 'utf8').replaceAll('/opt/whetstone', `/${home}`);
  write('usr/bin/whet', `#!/bin/sh\nexec env ORT_DISABLE_TELEMETRY=1 /${home}/bin/node /${home}/dist/main.js "$@"\n`, 0o755);
  write(
    'usr/lib/systemd/system/whetstone.service',
    installed('whetstone.service').replace(`/${home}/README.md`, '/usr/share/doc/whetstone/README.md'),
  );
  write(`${home}/systemd/backoff.conf`, installed('backoff.conf'));
  write(`${home}/systemd/mosquitto.acl`, installed('mosquitto.acl'));
  write('etc/whetstone/whetstone.yaml', installed('whetstone.example.yaml'));
  const doc = 'usr/share/doc/whetstone';
  write(`${doc}/copyright`, copyright(licences));
  const date = new Date(Number(epoch) * 1000).toUTCString().replace('GMT', '+0000');
  const changes = `whetstone (${version}) stable; urgency=medium\n\n  * See README.md and the project's CHANGELOG.\n\n -- ${maintainer}  ${date}\n`;
  write(`${doc}/changelog.gz`, gzipSync(changes, { level: 9 }));
  cpSync(join(root, 'README.md'), join(tree, doc, 'README.md'));
  write('usr/share/lintian/overrides/whetstone', overrides);
  write('DEBIAN/control', control({ arch, version, installedBytes }));
  write('DEBIAN/conffiles', '/etc/whetstone/whetstone.yaml\n');
  for (const [name, text] of Object.entries(scripts)) write(`DEBIAN/${name}`, text, 0o755);
  write('DEBIAN/md5sums', sums(tree));
}

const control = ({ arch, version, installedBytes }) => `Package: whetstone
Version: ${version}
Architecture: ${arch}
Maintainer: ${maintainer}
Installed-Size: ${Math.ceil(installedBytes / 1024)}
Depends: libc6 (>= 2.28), libstdc++6, libgcc-s1, libatomic1, adduser
Recommends: alsa-utils, ffmpeg
Suggests: mosquitto
Section: science
Priority: optional
Description: personalises quantized ONNX models on the device where they run
 Whetstone collects camera, microphone and sensor samples, fine-tunes the last
 layers of a quantized ONNX model at night, checks the result before it is
 used, and reports over MQTT. The samples stay on the device.
 .
 The package brings its own Node.js and ONNX Runtime.
`;

/** Native code as its makers built it: no Debian library takes its place. */
const overrides = `# Brought as its makers built it; Debian has no such version.
whetstone: embedded-library
# Prebuilt programs of npm packages: Node.js, ONNX Runtime, libvips.
whetstone: hardening-no-pie
whetstone: hardening-no-relro
whetstone: unstripped-binary-or-object
whetstone: shared-library-lacks-prerequisites
whetstone: statically-linked-binary
# Scripts of npm packages that nothing here runs as programs.
whetstone: executable-not-elf-or-script
whetstone: script-not-executable
whetstone: no-manual-page
# Numbers that happen to begin like a font.
whetstone: truetype-font-wrong-filename
`;

const groups = 'video audio render gpio i2c iio';

const scripts = {
  postinst: `#!/bin/sh
set -e
if [ "$1" = configure ]; then
  if ! getent passwd whetstone >/dev/null; then
    adduser --quiet --system --group --home /var/lib/whetstone --no-create-home --gecos Whetstone whetstone
  fi
  # Cameras, microphones and sensors belong to groups, of which a system has some and lacks others.
  for group in ${groups}; do
    if getent group "$group" >/dev/null; then adduser --quiet whetstone "$group"; fi
  done
  chown root:whetstone /etc/whetstone /etc/whetstone/whetstone.yaml
  chmod 750 /etc/whetstone
  chmod 640 /etc/whetstone/whetstone.yaml
  if [ ! -e /srv/whetstone/inbox ]; then
    # Members of the group may drop pictures, which stay readable for the daemon.
    mkdir -p /srv/whetstone/inbox
    chown whetstone:whetstone /srv/whetstone/inbox
    chmod 2775 /srv/whetstone/inbox
  fi
  # Older versions of systemd do not know these settings, and would complain at every start.
  drop=/etc/systemd/system/whetstone.service.d
  systemd=$(systemctl --version 2>/dev/null | awk 'NR == 1 { print $2 + 0 }') || true
  if [ "\${systemd:-0}" -ge 254 ]; then
    mkdir -p "$drop"
    ln -sf /${home}/systemd/backoff.conf "$drop/backoff.conf"
  fi
  if [ -d /run/systemd/system ]; then systemctl --system daemon-reload || true; fi
  if [ -n "$2" ]; then
    if [ -d /run/systemd/system ]; then deb-systemd-invoke try-restart whetstone.service || true; fi
  else
    echo "whet: put your model and its card into /etc/whetstone (model.onnx, model.json), edit whetstone.yaml there, then:"
    echo "whet:   whet check --config /etc/whetstone/whetstone.yaml && systemctl enable --now whetstone"
  fi
fi
exit 0
`,
  prerm: `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  deb-systemd-invoke stop whetstone.service || true
fi
exit 0
`,
  postrm: `#!/bin/sh
set -e
if [ "$1" = remove ] || [ "$1" = purge ]; then
  rm -f /etc/systemd/system/whetstone.service.d/backoff.conf
  rmdir /etc/systemd/system/whetstone.service.d 2>/dev/null || true
  rm -f /etc/systemd/system/multi-user.target.wants/whetstone.service
fi
if [ "$1" = purge ]; then
  # Samples and releases are the package's; pictures in /srv/whetstone are a person's, and stay.
  rm -rf /var/lib/whetstone /etc/whetstone
fi
if [ -d /run/systemd/system ]; then systemctl --system daemon-reload || true; fi
exit 0
`,
};

function sums(tree) {
  return readdirSync(tree, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/^(DEBIAN|etc)\//.test(relative(tree, path)))
    .map((path) => `${createHash('md5').update(readFileSync(path)).digest('hex')}  ${relative(tree, path)}\n`)
    .sort()
    .join('');
}

/** Licences whose text every Debian has. */
const common = [
  { file: 'Apache-2.0', id: /Apache-2\.0/, text: /Apache License\s+Version 2\.0/ },
  { file: 'LGPL-3', id: /LGPL-3/, text: /GNU LESSER GENERAL PUBLIC LICENSE/i },
  { file: 'MPL-2.0', id: /MPL-2\.0/, text: /Mozilla Public License Version 2\.0/i },
];

function textOf(license, text) {
  const known = common.find(({ id, text: pattern }) => id.test(license) || pattern.test(text ?? ''));
  if (known !== undefined) return `${license}. On Debian systems its text is in /usr/share/common-licenses/${known.file}.`;
  return text ?? `${license}; the package brings no text of it.`;
}

/** One paragraph a package, in the machine-readable form. */
function copyright(licences) {
  const field = (text) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
      .join('\n');
  const others = licences.map(
    ({ name, version, license, text }) =>
      `Files: ${home}/node_modules/${name}/* ${home}/dist/*\nCopyright: the authors of ${name} ${version}\nLicense: ${name.replaceAll(/[@/]/g, '-')}-${license.replaceAll(' ', '-')}\n${field(textOf(license, text))}\n`,
  );
  return [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: whetstone\n',
    `Files: *\nCopyright: the authors of Whetstone\nLicense: Apache-2.0\n${field(textOf('Apache-2.0', null))}\n`,
    ...others,
  ].join('\n');
}
