using System.Globalization;
using System.Text;

namespace ChatCqrs.Bench.Parts;

/// <summary>The one table: each figure, what it should be, and the floor beneath it.</summary>
internal sealed class Report
{
    private readonly List<string[]> _rows = [["figure", "measured", "target", "", "floor"]];

    public void AtLeast(string figure, double? measured, double target, string unit, double? floor = null) =>
        Row(figure, Text(measured, unit), "≥ " + Text(target, unit), Verdict(measured >= target, target - measured, target), Text(floor, unit));

    public void AtMost(string figure, double? measured, double target, string unit, double? floor = null) =>
        Row(figure, Text(measured, unit), "≤ " + Text(target, unit), Verdict(measured <= target, measured - target, target), Text(floor, unit));

    public void Plain(string figure, double? measured, string unit, double? floor = null) => Row(figure, Text(measured, unit), "", "", Text(floor, unit));

    public override string ToString()
    {
        var widths = Enumerable.Range(0, _rows[0].Length).Select(column => _rows.Max(row => row[column].Length)).ToArray();
        var table = new StringBuilder();
        foreach (var row in _rows)
        {
            table.Append('|');
            for (var i = 0; i < row.Length; i++)
            {
                table.Append(' ').Append(i == 0 ? row[i].PadRight(widths[i]) : row[i].PadLeft(widths[i])).Append(" |");
            }

            table.AppendLine();
            if (row == _rows[0])
            {
                table.Append('|').AppendJoin('|', widths.Select((w, i) => new string('-', w + 1) + (i == 0 ? '-' : ':'))).Append('|').AppendLine();
            }
        }

        return table.ToString();
    }

    private static string Verdict(bool met, double? by, double target) =>
        by is not { } excess ? "" : met ? "met" : string.Create(CultureInfo.InvariantCulture, $"missed by {Math.Ceiling(100 * excess / target)} %");

    private static string Text(double? value, string unit) => value is { } number ? $"{Digits(number)} {unit}".TrimEnd() : "";

    private static string Digits(double number) =>
        number.ToString(Math.Abs(number) < 100 && !double.IsInteger(number) ? "0.0" : "#,0", CultureInfo.InvariantCulture);

    private void Row(params string[] cells) => _rows.Add(cells);
}
