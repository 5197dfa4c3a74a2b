using System.Reflection;

namespace ChatCqrs.Architecture.Tests;

/// <summary>The assemblies and sources that the rules check.</summary>
internal static class Solution
{
    public static readonly Assembly Domain = typeof(Domain.Refusal).Assembly;
    public static readonly Assembly Projections = typeof(Projections.IProjection<,>).Assembly;
    public static readonly Assembly Application = typeof(Application.ApplicationServices).Assembly;
    public static readonly Assembly Infrastructure = typeof(Infrastructure.Postgres.PostgresRegistration).Assembly;
    public static readonly Assembly WebApi = typeof(Program).Assembly;

    /// <summary>The assembly of one of the product's projects.</summary>
    public static Assembly AssemblyOf(string project) =>
        new[] { Domain, Projections, Application, Infrastructure, WebApi }
            .Single(assembly => assembly.GetName().Name == $"ChatCqrs.{project}");

    /// <summary>The folder that holds the solution.</summary>
    public static readonly string Root = FindRoot(AppContext.BaseDirectory);

    /// <summary>The sources of one of the product's projects.</summary>
    public static IEnumerable<string> SourceFiles(string project) => Written(Path.Combine("src", project), "*.cs");

    /// <summary>The sources of all tests but these rules.</summary>
    public static IEnumerable<string> TestFiles(string pattern) => Written("tests", pattern)
        .Where(file => !file.Contains("/Architecture.Tests/", StringComparison.Ordinal));

    /// <summary>
    /// Every file of the repository with one of some extensions, without the output of builds and runs.
    /// </summary>
    public static IEnumerable<string> Files(params string[] extensions) =>
        FilesIn(Root).Where(file => extensions.Contains(Path.GetExtension(file)));

    /// <summary>The path of a file or folder, named from the root.</summary>
    public static string At(string path) => Path.Combine(Root, path);

    private static IEnumerable<string> FilesIn(string folder) => Directory.EnumerateFiles(folder)
        .Concat(Directory.EnumerateDirectories(folder).Where(IsWritten).SelectMany(FilesIn));

    private static bool IsWritten(string folder) => Path.GetFileName(folder) is ".ci"
        or not (['.', ..] or "bin" or "obj" or "node_modules" or "dist" or "api" or "TestResults" or "__mismatch__");

    private static IEnumerable<string> Written(string folder, string pattern) => Directory
        .EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
        .Where(file =>
            !file.Contains("/bin/", StringComparison.Ordinal) && !file.Contains("/obj/", StringComparison.Ordinal));

    private static string FindRoot(string folder) =>
        File.Exists(Path.Combine(folder, "ChatCqrs.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);
}
