using System.Text;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Tests.Tlog;

public sealed class TileTests
{
    [Theory]
    [InlineData(0, 0L, 256, "0/000")]
    [InlineData(0, 1_234_067L, 256, "0/x001/x234/067")]
    [InlineData(63, 999L, 12, "63/999.p/12")]
    [InlineData(null, 1_000L, 255, "entries/x001/000.p/255")]
    public void A_path_is_that_of_the_format(int? level, long index, int width, string path)
    {
        var tile = new Tile(level, index, width);
        Assert.Equal(path, tile.Path);
        Assert.Equal(tile, Tile.Parse(path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("0/")]
    [InlineData("00/000")]
    [InlineData("64/000")]
    [InlineData("-1/000")]
    [InlineData("0/00")]
    [InlineData("0/0000")]
    [InlineData("0/x000/000")]
    [InlineData("0/001/000")]
    [InlineData("0/x001")]
    [InlineData("0/000.p/0")]
    [InlineData("0/000.p/256")]
    [InlineData("0/000.p/012")]
    [InlineData("0/000.p")]
    [InlineData("0/000/")]
    [InlineData("0/٠٠٠")]
    [InlineData("entry/000")]
    [InlineData("0/x999/x999/x999/x999/x999/x999/x999/999")]
    public void Another_form_of_a_path_is_refused(string path) => Assert.Null(Tile.Parse(path));

    /// <summary>The numbers of c2sp.org/tlog-tiles, "Partial Tiles".</summary>
    [Fact]
    public void A_tree_of_70000_has_the_tiles_that_the_format_names()
    {
        Assert.Equal(new Tile(0, 273, 112), Tile.Of(0, 69_999, 70_000));
        Assert.Equal(new Tile(1, 1, 17), Tile.Of(1, 272, 70_000));
        Assert.Equal(new Tile(2, 0, 1), Tile.Of(2, 0, 70_000));
        Assert.True(new Tile(0, 272, 256).IsIn(70_000));
        Assert.True(new Tile(null, 273, 112).IsIn(70_000));
        Assert.False(new Tile(0, 273, 113).IsIn(70_000));
        Assert.False(new Tile(3, 0, 1).IsIn(70_000));
        Assert.False(new Tile(63, 0, 1).IsIn(long.MaxValue));
        Assert.False(new Tile(0, long.MaxValue / 2, 256).IsIn(70_000));
    }

    [Fact]
    public void Entries_come_back_from_a_bundle()
    {
        byte[][] entries = [[], [1], new byte[EntryBundle.EntryMax], Encoding.UTF8.GetBytes("entry\n")];
        var bundle = EntryBundle.Encode(entries);

        Assert.Equal(entries, EntryBundle.Decode(bundle));
        Assert.Throws<FormatException>(() => EntryBundle.Decode(bundle.AsSpan(0, bundle.Length - 1)));
        Assert.Throws<FormatException>(() => EntryBundle.Decode([.. bundle, 0]));
        Assert.Throws<ArgumentException>(() => EntryBundle.Encode([new byte[EntryBundle.EntryMax + 1]]));
    }
}
