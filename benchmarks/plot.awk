# The second column of a table over its first one, as SVG. The table has a line of names, and rows of ascending x.
#   title=TEXT   doubling=1: equal steps of x where it doubles   straight=1: beside it a line from 0 to the last point
BEGIN {
  FS = "\t"
  width = 720; height = 400; left = 70; right = 690; top = 50; bottom = 340
}
NR == 1 { x_name = $1; y_name = $2 }
NR > 1 { x[++count] = $1; y[count] = $2; if ($2 > most) most = $2 }
END {
  step = nice(most / 5)
  ceiling = step * (int(most / step) + 1)
  print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " width " " height "\" font-family=\"sans-serif\" font-size=\"13\">"
  print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
  text((left + right) / 2, 28, "middle", title)
  for (value = 0; value <= ceiling; value += step) {
    line(left, at_y(value), right, at_y(value), "#ddd", "")
    text(left - 8, at_y(value) + 4, "end", value "")
  }
  for (i = 1; i <= count; ++i) if (doubling || i == count || at_x(x[i + 1]) - at_x(x[i]) > 40) text(at_x(x[i]), bottom + 20, "middle", short(x[i]))
  text((left + right) / 2, height - 16, "middle", x_name)
  printf "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n", (top + bottom) / 2, y_name
  if (straight) line(at_x(0), at_y(0), at_x(x[count]), at_y(y[count]), "#888", "6 4")
  printf "<polyline fill=\"none\" stroke=\"#1f6fb2\" stroke-width=\"2\" points=\""
  for (i = 1; i <= count; ++i) printf "%.1f,%.1f ", at_x(x[i]), at_y(y[i])
  print "\"/>"
  for (i = 1; i <= count; ++i) printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"#1f6fb2\"/>\n", at_x(x[i]), at_y(y[i])
  print "</svg>"
}
function at_x(value) {
  if (!doubling) return left + (right - left) * value / x[count]
  return left + 20 + (right - left - 40) * log(value / x[1]) / log(x[count] / x[1])
}
function at_y(value) { return bottom - (bottom - top) * value / ceiling }
function short(value) { return value >= 4096 ? value / 1024 "K" : value }
# The first of 1, 2, 5, 10, 20 ... that is not below it.
function nice(value, power) {
  power = 10 ^ int(log(value) / log(10) - (value < 1))
  return value <= power ? power : value <= 2 * power ? 2 * power : value <= 5 * power ? 5 * power : 10 * power
}
function line(x1, y1, x2, y2, color, dashes) {
  printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-dasharray=\"%s\"/>\n", x1, y1, x2, y2, color, dashes
}
function text(at, height, anchor, words) {
  printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", at, height, anchor, words
}
