import AxeBuilder from '@axe-core/playwright';
import { expect, test } from './support/fixtures';
import { views } from './support/tour';
import { healthyEndpoint, incidentOf, placeOf, startOutage } from './support/traffic';
import { connection } from './support/views';

for (const scheme of ['light', 'dark'] as const) {
  test(`no view has a serious violation, ${scheme}`, async ({ openAs, database, api }) => {
    const place = placeOf(`axe-${scheme}`);
    healthyEndpoint(database, place, 3);
    startOutage(database, place);
    const incident = await incidentOf(database, place);
    database.run(`SELECT insights.audit_record('test.axe', 'row', '{"scheme": "${scheme}"}')`);
    const page = await openAs('admin', 'alice', '/deliveries');
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });

    for (const view of views(incident, place)) {
      await page.goto(api.url + view.path);
      await expect(connection(page)).toHaveText('Live');
      await view.arrive(page);
      const { violations } = await new AxeBuilder({ page }).analyze();
      const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      expect(grave.map(({ id, nodes }) => ({ view: view.name, id, nodes: nodes.map((node) => node.html) }))).toEqual(
        [],
      );
    }
  });
}

test('nothing is cut off on a narrow window', async ({ openAs, database, api }) => {
  const place = placeOf('narrow');
  healthyEndpoint(database, place, 3);
  startOutage(database, place);
  const incident = await incidentOf(database, place);
  const page = await openAs('admin', 'alice', '/deliveries');
  await page.setViewportSize({ width: 400, height: 800 });
  for (const view of views(incident, place)) {
    await page.goto(api.url + view.path);
    await view.arrive(page);
    expect(
      await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
      view.name,
    ).toBeLessThanOrEqual(0);
  }
});
