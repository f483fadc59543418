// Room: bench, pure part. Groups as a plot: a bar for each side, medians, and a line from the least to the greatest of its rounds.
// Bars begin at 0, so that their lengths compare; where one side is a thousand times another, the shorter has its number alone.
import { BarChart, CustomChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { measures } from './result.mjs';
import { valueText } from './text.mjs';

use([BarChart, CustomChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

//  Okabe and Ito: told apart by those who do not see all colours.
const colours = ['#0072b2', '#56b4e9', '#e69f00', '#999999', '#009e73', '#d55e00', '#cc79a7', '#f0e442'];
const width = 860;

/**
 * @param plot `title`, `measure`, and `groups`: an expression for the names of the groups that belong on it; `sides`: those of them
 *   that are drawn, at most eight, where it is not all that the first group has.
 * @param groups as in the results, one of them on the plot at least. A group that lacks a side has a gap there.
 * @returns an SVG document.
 */
export function drawPlot({ title, measure, groups: wanted, sides: named }, groups) {
  const drawn = groups.filter(({ name }) => wanted.test(name));
  const measured = (name) => drawn.some(({ sides }) => sides.some((side) => side.name === name));
  const sides = (named ?? drawn[0].sides.map(({ name }) => name)).filter(measured);
  const { unit } = measures[measure];
  const spreads = (name) =>
    drawn.map(({ sides }) => sides.find((side) => side.name === name)?.measures[measure]);
  const bars = sides.length * drawn.length;
  const chart = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width,
    height: 110 + 20 * bars + 16 * drawn.length,
  });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      color: colours,
      title: { text: title, left: 12, top: 8, textStyle: { fontSize: 15 } },
      legend: { selectedMode: false, top: 36, left: 12, itemGap: 32, data: sides },
      grid: { left: roomFor(drawn), right: 90, top: 68, bottom: 32, outerBoundsMode: 'none' },
      xAxis: {
        type: 'value',
        min: 0,
        axisLabel: { formatter: (value) => (value === 0 ? '0' : valueText(value, unit)) },
      },
      // The first on top, as in the table.
      yAxis: { type: 'category', inverse: true, data: drawn.map((group) => group.title) },
      series: [
        ...sides.map((name) => ({
          name,
          type: 'bar',
          silent: true,
          data: spreads(name).map((spread) => spread?.median ?? null),
        })),
        ...sides.map((name, at) => whiskers(spreads(name), at, sides.length, unit)),
      ],
    });
    return `${chart.renderToSVGString()}\n`;
  } finally {
    chart.dispose();
  }
}

/** For the titles of the groups. Nobody here knows the font, so its letters are taken for wide. */
const roomFor = (groups) => 20 + 7.2 * Math.max(...groups.map(({ title }) => title.length));

/** Lines from the least to the greatest, over the bars of one side, and behind each the median. */
function whiskers(spreads, side, sides, unit) {
  return {
    type: 'custom',
    silent: true,
    z: 3,
    data: spreads.flatMap((spread, group) => (spread === undefined ? [] : [[spread.min, spread.max, group]])),
    encode: { x: [0, 1], y: 2 },
    renderItem(_, api) {
      // Where echarts lays the bars of a category: beside each other, as wide as barLayout says.
      const { offsetCenter } = api.barLayout({ count: sides })[side];
      const [left, y] = api.coord([api.value(0), api.value(2)]);
      const [right] = api.coord([api.value(1), api.value(2)]);
      const line = (x1, y1, x2, y2) => ({
        type: 'line',
        shape: { x1, y1, x2, y2 },
        style: { stroke: '#000000', lineWidth: 1 },
      });
      const middle = y + offsetCenter;
      return {
        type: 'group',
        children: [
          line(left, middle, right, middle),
          line(left, middle - 3, left, middle + 3),
          line(right, middle - 3, right, middle + 3),
          {
            type: 'text',
            style: {
              text: valueText(spreads[api.value(2)].median, unit),
              x: right + 8,
              y: middle,
              verticalAlign: 'middle',
              fontSize: 11,
              fill: '#000000',
            },
          },
        ],
      };
    },
  };
}
