using System.Globalization;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>
/// Where a tile is: up to 256 consecutive hashes of one level (c2sp.org/tlog-tiles@v0.1.0). A hash of level L is the
/// root over 256^L leaves.
/// </summary>
/// <param name="Level">0 to 63; null for a bundle of entries.</param>
/// <param name="Index">Its place within the level, from 0.</param>
/// <param name="Width">1 to 256 hashes or entries; below 256 for a partial tile.</param>
internal readonly record struct Tile(int? Level, long Index, int Width)
{
    public const int WidthMax = 256;

    /// <summary>Tree levels in a level of tiles.</summary>
    public const int Height = 8;

    private const int LevelMax = 63;
    private const string EntriesLevel = "entries";

    /// <summary>The index of the first hash or entry within the level.</summary>
    public long Start => Index * WidthMax;

    /// <summary>The path below <c>tile/</c>, such as <c>0/x001/x234/067.p/12</c>.</summary>
    public string Path
    {
        get
        {
            var groups = new List<string> { Digits(Index % 1000) };
            for (var rest = Index / 1000; rest > 0; rest /= 1000)
                groups.Insert(0, $"x{Digits(rest % 1000)}");
            var level = Level?.ToString(CultureInfo.InvariantCulture) ?? EntriesLevel;
            var partial = Width < WidthMax ? string.Create(CultureInfo.InvariantCulture, $".p/{Width}") : "";
            return $"{level}/{string.Join('/', groups)}{partial}";
        }
    }

    /// <summary>Reads a path below <c>tile/</c>; null if it is not the one form of a tile's path.</summary>
    public static Tile? Parse(string path)
    {
        var parts = path.Split('/');
        var width = WidthMax;
        var end = parts.Length;
        if (end >= 3 && parts[^2].EndsWith(".p", StringComparison.Ordinal))
        {
            if (!int.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out width))
                return null;
            parts[^2] = parts[^2][..^2];
            end--;
        }

        int? level = null;
        if (end < 2 || end > 8 || !TryLevel(parts[0], ref level))
            return null;
        long index = 0;
        for (var part = 1; part < end; part++)
        {
            var digits = part < end - 1 && parts[part].StartsWith('x') ? parts[part][1..] : parts[part];
            if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var group))
                return null;
            index = (index * 1000) + group;
        }

        // The path of what was read: leading zeros, other digits and missing x do not pass.
        var tile = new Tile(level, index, width);
        return width is >= 1 and <= WidthMax && tile.Path == path ? tile : null;
    }

    /// <summary>The tile that holds the hash at an index of a level, as wide as a tree of this size has it.</summary>
    public static Tile Of(int level, long index, long size)
    {
        var tile = index / WidthMax;
        return new Tile(level, tile, (int)Math.Min(WidthMax, HashesOf(level, size) - (tile * WidthMax)));
    }

    /// <summary>The hashes that a tree of this size has in a level of tiles.</summary>
    public static long HashesOf(int level, long size) => level * Height > LevelMax ? 0 : size >> (level * Height);

    /// <summary>Whether a tree of this size has the tile.</summary>
    public bool IsIn(long size)
    {
        var hashes = HashesOf(Level ?? 0, size);
        return hashes / WidthMax >= Index && Start + Width <= hashes;
    }

    private static bool TryLevel(string text, ref int? level)
    {
        if (text == EntriesLevel)
            return true;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > LevelMax)
            return false;
        level = number;
        return true;
    }

    private static string Digits(long group) => group.ToString("D3", CultureInfo.InvariantCulture);
}
